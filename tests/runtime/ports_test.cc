// Values across the API: float in ONNX order, native, pixels; what is refused and what is kept.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "runtime/harness.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

constexpr int kHeight = 5, kWidth = 7, kChannels = 3;
constexpr size_t kElements = kHeight * kWidth * kChannels;

/// x (NCHW outside, NHWC inside, int8) -> table -> y (NCHW outside). The table is the identity, so
/// y shows what was stored.
Bytes ImageModel(bool pixels) {
  ModelBuilder b;
  const auto x = b.Int8({1, kHeight, kWidth, kChannels}, {0.05F, -20});
  schema::PortT& in = b.AddInputPort("image", x);
  in.shape = {1, kChannels, kHeight, kWidth};
  in.permutation = {0, 3, 1, 2};
  if (pixels) {
    std::vector<int8_t> table;
    for (int c = 0; c < kChannels; ++c) {
      for (int p = 0; p < 256; ++p) table.push_back(static_cast<int8_t>((p * (c + 1)) % 256 - 128));
    }
    in.pixel_table = b.BlobOf(table);
    in.preferred = schema::TensorType::uint8;
  }
  const auto y = b.Int8({1, kHeight, kWidth, kChannels}, {0.05F, -20});
  schema::LookupT identity;
  std::vector<int8_t> table;
  for (int q = -128; q < 128; ++q) table.push_back(static_cast<int8_t>(q));
  identity.table = b.BlobOf(table);
  b.Add(identity, {x}, {y});
  schema::PortT& out = b.Output("scores", y);
  out.shape = {1, kChannels, kHeight, kWidth};
  out.permutation = {0, 3, 1, 2};
  return b.Finish();
}

/// A model and one context with the given options, closed at the end.
struct Session {
  explicit Session(const Bytes& bytes, size_t batch = 1) : file(bytes) {
    lutra_error_init(&error);
    lutra_options options;
    lutra_options_init(&options);
    options.batch = batch;
    REQUIRE(lutra_model_open_buffer(file.data(), file.size(), nullptr, &model, &error) == LUTRA_OK);
    REQUIRE(lutra_context_create(model, &options, &context, &error) == LUTRA_OK);
  }
  ~Session() {
    lutra_context_destroy(context);
    lutra_model_close(model);
  }
  template <typename T>
  lutra_status Set(lutra_type type, const std::vector<T>& values) {
    return lutra_context_set_input(context, 0, type, values.data(), values.size() * sizeof(T),
                                   &error);
  }
  lutra_status Run() { return lutra_context_run(context, &error); }
  template <typename T>
  std::vector<T> Get(lutra_type type, size_t count) {
    std::vector<T> values(count);
    CHECK(lutra_context_get_output(context, 0, type, values.data(), count * sizeof(T), &error) ==
          LUTRA_OK);
    return values;
  }
  std::string Message() const { return error.message; }

  Bytes file;
  lutra_error error;
  lutra_model* model = nullptr;
  lutra_context* context = nullptr;
};

size_t NhwcIndex(size_t onnx) {
  const size_t w = onnx % kWidth;
  const size_t h = onnx / kWidth % kHeight;
  const size_t c = onnx / (kWidth * kHeight) % kChannels;
  const size_t n = onnx / kElements;
  return ((n * kHeight + h) * kWidth + w) * kChannels + c;
}

TEST_CASE("float input in ONNX order is permuted and quantized by the formula") {
  const size_t batch = 2;
  Session s(ImageModel(false), batch);
  Random random(41);
  auto values = random.Floats(batch * kElements, -6.0F, 9.0F);  // past both ends of int8
  values[0] = 0.025F;                                           // ties: 0.5, 1.5 and -0.5 steps
  values[1] = 0.075F;
  values[2] = -0.025F;
  REQUIRE(s.Set(LUTRA_FLOAT32, values) == LUTRA_OK);
  REQUIRE(s.Run() == LUTRA_OK);
  const auto native = s.Get<int8_t>(LUTRA_INT8, batch * kElements);
  const auto floats = s.Get<float>(LUTRA_FLOAT32, batch * kElements);
  size_t wrong = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const int8_t q = Requantize(1, values[i] / 0.05F, -20);
    wrong += native[NhwcIndex(i)] != q ? 1 : 0;
    wrong += floats[i] != 0.05F * static_cast<float>(q + 20) ? 1 : 0;
  }
  CHECK(wrong == 0);
}

TEST_CASE("pixels go through the table of their channel") {
  Session s(ImageModel(true));
  Random random(42);
  std::vector<uint8_t> pixels(kElements);
  for (uint8_t& p : pixels) p = static_cast<uint8_t>(random.Int(0, 255));
  REQUIRE(s.Set(LUTRA_UINT8, pixels) == LUTRA_OK);
  REQUIRE(s.Run() == LUTRA_OK);
  std::vector<int8_t> expected;
  for (size_t i = 0; i < kElements; ++i) {
    expected.push_back(
        static_cast<int8_t>((pixels[i] * static_cast<int>(i % kChannels + 1)) % 256 - 128));
  }
  CHECK(s.Get<int8_t>(LUTRA_INT8, kElements) == expected);
}

TEST_CASE("a set input stays set, a borrowed one is read again by every run") {
  Session s(ImageModel(false));
  Random random(43);
  auto values = random.Int8s(kElements);
  REQUIRE(s.Set(LUTRA_INT8, values) == LUTRA_OK);
  const auto first = values;
  values[0] = static_cast<int8_t>(values[0] ^ 1);  // the copy must not notice
  for (int run = 0; run < 2; ++run) {
    REQUIRE(s.Run() == LUTRA_OK);
    CHECK(s.Get<int8_t>(LUTRA_INT8, kElements) == first);
  }
  REQUIRE(lutra_context_borrow_input(s.context, 0, values.data(), values.size(), &s.error) ==
          LUTRA_OK);
  REQUIRE(s.Run() == LUTRA_OK);
  CHECK(s.Get<int8_t>(LUTRA_INT8, kElements) == values);
  values[5] = static_cast<int8_t>(values[5] ^ 3);
  REQUIRE(s.Run() == LUTRA_OK);
  CHECK(s.Get<int8_t>(LUTRA_INT8, kElements) == values);
  REQUIRE(s.Set(LUTRA_INT8, first) == LUTRA_OK);  // ends the borrowing
  REQUIRE(s.Run() == LUTRA_OK);
  CHECK(s.Get<int8_t>(LUTRA_INT8, kElements) == first);
}

TEST_CASE("NaN and infinity are refused by name and position, and leave the input unset") {
  Session s(ImageModel(false));
  std::vector<float> values(kElements, 0.5F);
  REQUIRE(s.Set(LUTRA_FLOAT32, values) == LUTRA_OK);
  values[33] = std::numeric_limits<float>::quiet_NaN();
  CHECK(s.Set(LUTRA_FLOAT32, values) == LUTRA_NOT_FINITE);
  CHECK(s.Message() == "input \"image\": element 33 is NaN");
  CHECK(s.Run() == LUTRA_INPUT_NOT_SET);
  CHECK(s.Message() == "input \"image\" was not set (or its last value was refused)");
  values[33] = -std::numeric_limits<float>::infinity();
  CHECK(s.Set(LUTRA_FLOAT32, values) == LUTRA_NOT_FINITE);
  CHECK(s.Message() == "input \"image\": element 33 is infinite");
  values[33] = 1e30F;  // finite: saturates
  CHECK(s.Set(LUTRA_FLOAT32, values) == LUTRA_OK);
  REQUIRE(s.Run() == LUTRA_OK);
  CHECK(s.Get<int8_t>(LUTRA_INT8, kElements)[NhwcIndex(33)] == 127);
}

TEST_CASE("NaN is refused in float models too; floats cross unchanged") {
  ModelBuilder b;
  const auto x = b.FloatInput("x", {1, 4000});
  const auto y = b.Float({1, 4000});
  schema::UnaryT neg;
  neg.kind = schema::UnaryKind::neg;
  b.Add(neg, {x}, {y});
  b.Output("y", y);
  Session s(b.Finish());
  Random random(44);
  auto values = random.Floats(4000);
  REQUIRE(s.Set(LUTRA_FLOAT32, values) == LUTRA_OK);
  REQUIRE(s.Run() == LUTRA_OK);
  std::vector<float> expected;
  for (const float v : values) expected.push_back(-v);
  CHECK(s.Get<float>(LUTRA_FLOAT32, 4000) == expected);
  values[3999] = std::numeric_limits<float>::quiet_NaN();
  CHECK(s.Set(LUTRA_FLOAT32, values) == LUTRA_NOT_FINITE);
  CHECK(s.Message() == "input \"x\": element 3999 is NaN");
}

TEST_CASE("wrong types and sizes name the port, what it got and what it takes") {
  Session s(ImageModel(false));
  const std::vector<uint8_t> bytes(kElements * 4);
  CHECK(s.Set(LUTRA_UINT8, bytes) == LUTRA_WRONG_TYPE);
  CHECK(s.Message() ==
        "input \"image\" does not offer uint8; it is int8 and float32 (convert with --input-type "
        "uint8 for pixels)");
  CHECK(s.Set(LUTRA_INT8, bytes) == LUTRA_WRONG_SIZE);
  CHECK(s.Message() == "input \"image\": 420 bytes where int8 takes 105");
  int unknown = 99;  // not a constant: what another language may pass
  CHECK(s.Set(static_cast<lutra_type>(unknown), bytes) == LUTRA_WRONG_TYPE);
  CHECK(lutra_context_set_input(s.context, 1, LUTRA_INT8, bytes.data(), 105, &s.error) ==
        LUTRA_INVALID_ARGUMENT);
  CHECK(s.Message() == "input 1: the model \"test\" has 1");
  CHECK(lutra_context_set_input(s.context, 0, LUTRA_INT8, nullptr, 105, &s.error) ==
        LUTRA_INVALID_ARGUMENT);
  CHECK(lutra_context_borrow_input(s.context, 0, bytes.data(), 104, &s.error) == LUTRA_WRONG_SIZE);
  float value = 0;
  REQUIRE(lutra_context_get_output(s.context, 0, LUTRA_FLOAT32, &value, 4, &s.error) ==
          LUTRA_INVALID_ARGUMENT);
  CHECK(s.Message() == "there are no outputs before the first run");
  REQUIRE(s.Set(LUTRA_FLOAT32, std::vector<float>(kElements)) == LUTRA_OK);
  REQUIRE(s.Run() == LUTRA_OK);
  CHECK(lutra_context_get_output(s.context, 0, LUTRA_FLOAT32, &value, 4, &s.error) ==
        LUTRA_WRONG_SIZE);
  CHECK(lutra_context_get_output(s.context, 0, LUTRA_UINT8, &value, 4, &s.error) ==
        LUTRA_WRONG_TYPE);
}

/// x -> Reshape -> y, both of the type.
Bytes CopyModel(schema::TensorType type, int32_t count) {
  ModelBuilder b;
  const auto x = b.TypedInput("x", type, {1, count});
  const auto y = b.Typed(type, {1, count});
  b.Add(schema::ReshapeT{}, {x}, {y});
  b.Output("y", y);
  return b.Finish();
}

template <typename T>
void CheckNative(schema::TensorType type, lutra_type form, const std::vector<T>& values) {
  CAPTURE(form);
  Session s(CopyModel(type, static_cast<int32_t>(values.size())));
  lutra_port port;
  lutra_port_init(&port);
  REQUIRE(lutra_model_input(s.model, 0, &port, &s.error) == LUTRA_OK);
  CHECK(port.native_type == form);
  CHECK(port.preferred_type == (type == schema::TensorType::float16 ? LUTRA_FLOAT32 : form));
  REQUIRE(s.Set(form, values) == LUTRA_OK);
  REQUIRE(s.Run() == LUTRA_OK);
  CHECK(s.Get<T>(form, values.size()) == values);
  const void* data = nullptr;
  size_t bytes = 0;
  REQUIRE(lutra_context_output_data(s.context, 0, &data, &bytes, &s.error) == LUTRA_OK);
  REQUIRE(bytes == values.size() * sizeof(T));
  CHECK(std::memcmp(data, values.data(), bytes) == 0);
  REQUIRE(lutra_context_borrow_input(s.context, 0, values.data(), bytes, &s.error) == LUTRA_OK);
  CHECK(lutra_context_borrow_input(s.context, 0, values.data(), bytes - 1, &s.error) ==
        LUTRA_WRONG_SIZE);
}

TEST_CASE("every type crosses natively") {
  CheckNative<uint8_t>(schema::TensorType::uint8, LUTRA_UINT8, {0, 128, 255});
  CheckNative<uint16_t>(schema::TensorType::float16, LUTRA_FLOAT16, {0x3C00, 0x8001, 0x7BFF});
  CheckNative<int16_t>(schema::TensorType::int16, LUTRA_INT16, {-32768, 1, 32767});
  CheckNative<int32_t>(schema::TensorType::int32, LUTRA_INT32, {INT32_MIN, 1, INT32_MAX});
  CheckNative<int64_t>(schema::TensorType::int64, LUTRA_INT64, {INT64_MIN, 1, INT64_MAX});
  CheckNative<uint8_t>(schema::TensorType::bool_, LUTRA_BOOL, {0, 1, 1});
}

TEST_CASE("integers and bools do not cross as float32") {
  Session s(CopyModel(schema::TensorType::int64, 2));
  CHECK(s.Set(LUTRA_FLOAT32, std::vector<float>(2)) == LUTRA_WRONG_TYPE);
  CHECK(s.Message() == "input \"x\" does not offer float32; it is int64");
  CHECK(s.Set(LUTRA_UINT8, std::vector<uint8_t>(2)) == LUTRA_WRONG_TYPE);
  CHECK(s.Message() == "input \"x\" does not offer uint8; it is int64");
  CHECK(s.Set(LUTRA_INT64, std::vector<int64_t>(3)) == LUTRA_WRONG_SIZE);
  CHECK(s.Message() == "input \"x\": 24 bytes where int64 takes 16");
  const std::vector<uint8_t> odd(17);
  CHECK(lutra_context_borrow_input(s.context, 0, odd.data() + 1, 16, &s.error) ==
        LUTRA_INVALID_ARGUMENT);
  CHECK(s.Message() == "input \"x\": borrowed values are not aligned to 8 bytes");
}

TEST_CASE("a bool is 0 or 1, and what is refused leaves the input unset") {
  Session s(CopyModel(schema::TensorType::bool_, 3));
  CHECK(s.Set(LUTRA_BOOL, std::vector<uint8_t>{1, 0, 2}) == LUTRA_INVALID_ARGUMENT);
  CHECK(s.Message() == "input \"x\": element 2 is 2, a bool is 0 or 1");
  CHECK(s.Run() == LUTRA_INPUT_NOT_SET);
}

TEST_CASE("float16 crosses as float32 too, rounded to nearest even") {
  Session s(CopyModel(schema::TensorType::float16, 4));
  REQUIRE(s.Set(LUTRA_FLOAT32, std::vector<float>{0x1.002p0F, 0x1.006p0F, -65519.0F, 0x1p-26F}) ==
          LUTRA_OK);
  REQUIRE(s.Run() == LUTRA_OK);
  CHECK(s.Get<uint16_t>(LUTRA_FLOAT16, 4) == std::vector<uint16_t>{0x3C00, 0x3C02, 0xFBFF, 0});
  CHECK(s.Get<float>(LUTRA_FLOAT32, 4) == std::vector<float>{1.0F, 0x1.008p0F, -65504.0F, 0.0F});
  CHECK(s.Set(LUTRA_FLOAT32, std::vector<float>{1, 65520.0F, 1, 1}) == LUTRA_NOT_FINITE);
  CHECK(s.Message() == "input \"x\": element 1 is beyond float16");
  CHECK(s.Set(LUTRA_FLOAT16, std::vector<uint16_t>{0, 0, 0x7C00, 0}) == LUTRA_NOT_FINITE);
  CHECK(s.Message() == "input \"x\": element 2 is infinite");
}

TEST_CASE("ports describe themselves and are found by name") {
  Session s(ImageModel(true));
  lutra_port port = {};
  port.struct_size = sizeof(port);
  REQUIRE(lutra_model_input(s.model, 0, &port, &s.error) == LUTRA_OK);
  CHECK(std::string(port.name) == "image");
  CHECK(port.native_type == LUTRA_INT8);
  CHECK(port.preferred_type == LUTRA_UINT8);
  CHECK(port.accepts_uint8 == 1);
  REQUIRE(port.rank == 4);
  CHECK(std::vector<int>(port.shape, port.shape + 4) == std::vector<int>{1, 3, 5, 7});
  REQUIRE(port.native_rank == 4);
  CHECK(std::vector<int>(port.native_shape, port.native_shape + 4) == std::vector<int>{1, 5, 7, 3});
  CHECK(port.scale == 0.05F);
  CHECK(port.zero_point == -20);
  CHECK(port.elements == kElements);
  REQUIRE(lutra_model_output(s.model, 0, &port, &s.error) == LUTRA_OK);
  CHECK(std::string(port.name) == "scores");
  CHECK(port.accepts_uint8 == 0);
  CHECK(lutra_model_output(s.model, 1, &port, &s.error) == LUTRA_INVALID_ARGUMENT);
  CHECK(s.Message() == "output 1: the model has 1");
  size_t index = 9;
  CHECK(lutra_model_find_output(s.model, "scores", &index, &s.error) == LUTRA_OK);
  CHECK(index == 0);
  CHECK(lutra_model_find_input(s.model, "scores", &index, &s.error) == LUTRA_INVALID_ARGUMENT);
  CHECK(s.Message() == "no input is named \"scores\"; there is \"image\"");
}

}  // namespace
}  // namespace lutra::test
