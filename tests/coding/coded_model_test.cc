// Models whose weights are entropy coded: the golden models again under both codes. They are
// smaller or as large, load within the stated need, give the same bytes on every row, and damaged
// streams are refused when they are decoded.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "coding/tensors.h"
#include "converter/coding/encode_model.h"
#include "golden/golden_files.h"
#include "lutra/lutra.h"
#include "runtime/hooks.h"
#include "runtime/port_type.h"
#include "schema/golden.h"
#include "schema/limits.h"
#include "schema/validate.h"
#include "support/model_builder.h"
#include "support/writer_of.h"

namespace lutra::test {
namespace {

using coding::Codec;

std::vector<uint8_t> Coded(const std::vector<uint8_t>& file, Codec codec) {
  ModelWriter writer = WriterOf(file);
  converter::encoding::EncodeModel(&writer, codec);
  return writer.Finish();
}

size_t CodedBlobs(const std::vector<uint8_t>& file) {
  ModelView view;
  REQUIRE(OpenContainer(file.data(), file.size(), &view).ok());
  size_t coded = 0;
  if (view.model->blobs() == nullptr) return coded;
  for (size_t i = 0; i < view.model->blobs()->size(); ++i) coded += view.IsRaw(i) ? 0 : 1;
  return coded;
}

/// Whether any weights are so.
bool AnyWeights(const ModelView& view, bool (*is)(const schema::Weights& weights)) {
  for (const schema::Operator* op : *view.model->operators()) {
    const auto* conv = op->options_as_Conv();
    const auto* linear = op->options_as_Linear();
    const schema::Weights* weights = conv ? conv->weights() : linear ? linear->weights() : nullptr;
    if (weights && is(*weights)) return true;
  }
  return false;
}

/// Parameters of the short forms.
bool AreCompact(const schema::Weights& weights) {
  return weights.one_scale() || weights.short_bias();
}

/// All outputs of one run over generated inputs.
std::vector<uint8_t> Run(const std::vector<uint8_t>& file, const char* row) {
  lutra_options options;
  lutra_options_init(&options);
  options.row = row;
  lutra_error error;
  lutra_error_init(&error);
  lutra_memory need;
  need.struct_size = sizeof need;
  REQUIRE(lutra_requirements(file.data(), file.size(), &options, &need, &error) == LUTRA_OK);
  // Exactly the stated memory: the sanitizer sees what lies behind it.
  const Scratch memory(need.model_bytes);
  lutra_model* model = nullptr;
  INFO(std::string(error.message));
  options.memory = memory.get();
  options.memory_bytes = need.model_bytes;
  REQUIRE(lutra_model_open_buffer(file.data(), file.size(), &options, &model, &error) == LUTRA_OK);
  options.memory = nullptr;
  lutra_context* context = nullptr;
  REQUIRE(lutra_context_create(model, &options, &context, &error) == LUTRA_OK);
  for (size_t i = 0; i < lutra_model_input_count(model); ++i) {
    lutra_port port;
    port.struct_size = sizeof port;
    REQUIRE(lutra_model_input(model, i, &port, &error) == LUTRA_OK);
    const schema::TensorType type = ToTensorType(port.native_type);
    std::vector<uint8_t> bytes(port.elements * ElementBytes(type));
    FillGoldenInput(1, static_cast<uint32_t>(i), type, port.elements, bytes.data());
    REQUIRE(lutra_context_set_input(context, i, port.native_type, bytes.data(), bytes.size(),
                                    &error) == LUTRA_OK);
  }
  REQUIRE(lutra_context_run(context, &error) == LUTRA_OK);
  std::vector<uint8_t> outputs;
  for (size_t i = 0; i < lutra_model_output_count(model); ++i) {
    const void* data = nullptr;
    size_t bytes = 0;
    REQUIRE(lutra_context_output_data(context, i, &data, &bytes, &error) == LUTRA_OK);
    const auto* begin = static_cast<const uint8_t*>(data);
    outputs.insert(outputs.end(), begin, begin + bytes);
  }
  lutra_context_destroy(context);
  lutra_model_close(model);
  return outputs;
}

TEST_CASE("coded golden models give the same bytes on every row") {
  for (const GoldenFile& golden : kGoldenFiles) {
    if (golden.raw != nullptr) continue;
    INFO(std::string(golden.name));
    const std::vector<uint8_t> file = ReadGolden(golden);
    CHECK(Coded(file, Codec::none).size() == file.size());
    for (const Codec codec : {Codec::huffman, Codec::best_v1, Codec::best}) {
      const std::vector<uint8_t> coded = Coded(file, codec);
      CHECK(coded.size() <= file.size());
      const size_t blobs = CodedBlobs(coded);
      ModelView view;
      REQUIRE(OpenContainer(coded.data(), coded.size(), &view).ok());
      const int version = view.model->min_runtime_version();
      ModelView raw;
      REQUIRE(OpenContainer(file.data(), file.size(), &raw).ok());
      const int own = raw.model->min_runtime_version();
      const bool compact = codec == Codec::best && AnyWeights(view, AreCompact);
      const int coded_version = compact ? 6 : blobs == 0 ? 1 : codec == Codec::best ? 5 : 3;
      CHECK(version == std::max(own, coded_version));
      for (size_t r = 0; lutra_row_name(r) != nullptr; ++r) {
        if (lutra_row_available(lutra_row_name(r)) == 0) continue;
        CHECK(Run(coded, lutra_row_name(r)) == Run(file, lutra_row_name(r)));
      }
    }
  }
}

/// Linear, k inputs to n outputs, most weights 0: 8-bit integers, or indices of a 4-bit codebook.
std::vector<uint8_t> LinearModel(size_t n, size_t k, bool codebook) {
  ModelBuilder b;
  const auto x = b.Input("x", {1, static_cast<int32_t>(k)}, {0.5F, 0});
  const auto y = b.Int8({1, static_cast<int32_t>(n)}, {0.5F, 0});
  std::vector<int8_t> values(n * k);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<int8_t>(i % 7 == 0 ? i % 13 : codebook ? 8 : 0);
  }
  schema::LinearT linear;
  linear.weights = b.IntWeights(values, std::vector<int32_t>(n), std::vector<float>(n, 0.001F), {},
                                codebook ? 4 : 8);
  if (codebook) {
    std::vector<int8_t> table;
    for (int i = 0; i < 16; ++i) table.push_back(static_cast<int8_t>((i - 8) * 8));
    linear.weights = b.WithCodebook(std::move(linear.weights), table);
  }
  b.Add(std::move(linear), {x}, {y});
  b.Output("y", y);
  return b.Finish();
}

TEST_CASE("weights of every kind are coded, and a layer's decoded copy does not outlive packing") {
  for (const bool codebook : {false, true}) {
    const std::vector<uint8_t> file = LinearModel(96, 300, codebook);
    for (const Codec codec : {Codec::huffman, Codec::best_v1, Codec::best}) {
      const std::vector<uint8_t> coded = Coded(file, codec);
      CHECK(CodedBlobs(coded) == 1);
      CHECK(coded.size() < file.size() - (codebook ? 4000 : 18000));
      CHECK(Run(coded, nullptr) == Run(file, nullptr));
    }
  }
}

TEST_CASE("nearly empty weights ask for a runtime that believes so short a stream") {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 512}, {0.5F, 0});
  const auto y = b.Int8({1, 512}, {0.5F, 0});
  std::vector<int8_t> values(size_t{512} * 512);
  values[1000] = 7;
  schema::LinearT linear;
  linear.weights =
      b.IntWeights(values, std::vector<int32_t>(512), std::vector<float>(512, 0.001F), {}, 8);
  b.Add(std::move(linear), {x}, {y});
  b.Output("y", y);
  const std::vector<uint8_t> file = b.Finish();
  for (const Codec codec : {Codec::huffman, Codec::best}) {
    const std::vector<uint8_t> coded = Coded(file, codec);
    ModelView view;
    REQUIRE(OpenContainer(coded.data(), coded.size(), &view).ok());
    REQUIRE(Validate(view).ok());
    const auto* linear_view = view.model->operators()->Get(0)->options_as_Linear();
    // (2^18 - 65536) / 1024 or 256
    CHECK(view.BlobBytes(linear_view->weights()->values()) == (codec == Codec::best ? 192 : 768));
    CHECK(view.model->min_runtime_version() == (codec == Codec::best ? 7 : 3));
    CHECK(Run(coded, nullptr) == Run(file, nullptr));
  }
}

/// Linear, 40 inputs to n outputs.
std::vector<uint8_t> ParamsModel(const std::vector<int32_t>& bias, const std::vector<float>& scale,
                                 const std::vector<int8_t>& zero_points, schema::Compute compute) {
  ModelBuilder b;
  const auto n = static_cast<int32_t>(bias.size());
  const bool integer = compute == schema::Compute::integer;
  const auto x = integer ? b.Input("x", {1, 40}, {0.5F, 3}) : b.FloatInput("x", {1, 40});
  const auto y = integer ? b.Int8({1, n}, {0.5F, 0}) : b.Float({1, n});
  std::vector<int8_t> values(bias.size() * 40);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int8_t>(i * 29 % 251);
  schema::LinearT linear;
  linear.compute = compute;
  linear.weights = b.IntWeights(values, bias, scale, zero_points);
  b.Add(std::move(linear), {x}, {y});
  b.Output("y", y);
  return b.Finish();
}

TEST_CASE("best keeps one scale where all are the same, and biases of 16 bits where they fit") {
  const std::vector<float> same(31, 0.003F);
  std::vector<float> different;
  std::vector<int8_t> zeros;
  for (int i = 0; i < 31; ++i) {
    different.push_back(0.01F * static_cast<float>(i + 1));
    zeros.push_back(static_cast<int8_t>(i % 2 == 0 ? i : -i));
  }
  std::vector<int32_t> small(31), large(31);
  small[0] = 32767;
  small[1] = -32768;
  large[30] = 32768;
  const auto bytes = [](const std::vector<uint8_t>& file) {
    ModelView view;
    REQUIRE(OpenContainer(file.data(), file.size(), &view).ok());
    REQUIRE(Validate(view).ok());
    const auto* linear = view.model->operators()->Get(0)->options_as_Linear();
    return view.BlobBytes(linear->weights()->params());
  };
  const auto check = [&](const std::vector<int32_t>& bias, const std::vector<float>& scale,
                         const std::vector<int8_t>& zero_points, schema::Compute compute) {
    const std::vector<uint8_t> file = ParamsModel(bias, scale, zero_points, compute);
    const std::vector<uint8_t> compact = Coded(file, Codec::best);
    for (size_t r = 0; lutra_row_name(r) != nullptr; ++r) {
      if (lutra_row_available(lutra_row_name(r)) == 0) continue;
      CHECK(Run(compact, lutra_row_name(r)) == Run(file, lutra_row_name(r)));
    }
    return bytes(compact);
  };
  using schema::Compute;
  CHECK(check(small, same, {}, Compute::integer) == 62 + 2 + 4);  // 31 odd: two bytes of 0
  CHECK(check(small, different, {}, Compute::integer) == 62 + 2 + 124);
  CHECK(check(large, same, {}, Compute::integer) == 124 + 4);
  CHECK(check(large, different, {}, Compute::integer) == 124 + 124);
  CHECK(check(small, same, zeros, Compute::integer) == 62 + 2 + 4 + 31);
  // As bits of floats: these stay as they are.
  CHECK(check(large, same, {}, Compute::dynamic) == 124 + 4);
  CHECK(check(large, same, zeros, Compute::float_) == 124 + 4 + 31);
}

/// 32 channels to 32, 3x3, of whose blocks (16 output channels x 4 input channels) one of eight is
/// not zero: 8-bit integers, or indices of a 4-bit codebook whose first entry is 0.
std::vector<uint8_t> BlockSparseModel(bool codebook) {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 12, 12, 32}, {0.5F, 0});
  const auto y = b.Int8({1, 12, 12, 32}, {0.5F, 0});
  std::vector<int8_t> values(size_t{32} * 9 * 32);
  for (size_t i = 0; i < values.size(); ++i) {
    if (i / 4 % 8 == i / (9 * 32) / 16) values[i] = static_cast<int8_t>(1 + i % 7);
  }
  schema::ConvT conv;
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  conv.weights = b.IntWeights(values, std::vector<int32_t>(32), std::vector<float>(32, 0.001F), {},
                              codebook ? 4 : 8);
  if (codebook) {
    std::vector<int8_t> table;
    for (int i = 0; i < 16; ++i) table.push_back(static_cast<int8_t>(i * 3));
    conv.weights = b.WithCodebook(std::move(conv.weights), table);
  }
  b.Add(std::move(conv), {x}, {y});
  b.Output("y", y);
  return b.Finish();
}

TEST_CASE("coded weights turn out block-sparse when they are decoded, within the stated need") {
  for (const bool codebook : {false, true}) {
    const std::vector<uint8_t> file = BlockSparseModel(codebook);
    const std::vector<uint8_t> coded = Coded(file, Codec::best);
    CHECK(CodedBlobs(coded) == 1);
    for (size_t r = 0; lutra_row_name(r) != nullptr; ++r) {
      const char* row = lutra_row_name(r);
      if (lutra_row_available(row) == 0) continue;
      CAPTURE(std::string(row));
      CHECK(Run(coded, row) == Run(file, "reference"));
      lutra_options options;
      lutra_options_init(&options);
      options.row = row;
      lutra_memory need;
      need.struct_size = sizeof need;
      REQUIRE(lutra_requirements(coded.data(), coded.size(), &options, &need, nullptr) == LUTRA_OK);
      lutra_model* model = nullptr;
      REQUIRE(lutra_model_open_buffer(coded.data(), coded.size(), &options, &model, nullptr) ==
              LUTRA_OK);
      const OperatorInfo info = DescribeOperator(model, 0);
      CHECK((std::string(info.kernel) == "sparse") == (std::string(row) != "reference"));
      // The need was stated without the values; that of the opened model is the same.
      size_t allocated = 0;
      lutra_allocator allocator;
      lutra_allocator_init(&allocator);
      options.allocator = &allocator;
      allocator.user = &allocated;
      allocator.allocate = [](void* user, size_t bytes, size_t) {
        *static_cast<size_t*>(user) += bytes;
        return std::aligned_alloc(64, (bytes + 63) / 64 * 64);
      };
      allocator.release = [](void*, void* pointer, size_t) { std::free(pointer); };
      lutra_context* context = nullptr;
      REQUIRE(lutra_context_create(model, &options, &context, nullptr) == LUTRA_OK);
      CHECK(allocated == need.context_bytes);
      lutra_context_destroy(context);
      lutra_model_close(model);
    }
  }
}

/// The file with the stream of its only coded blob damaged by `change`.
template <typename Change>
std::vector<uint8_t> Damaged(std::vector<uint8_t> file, Change change) {
  ModelView view;
  REQUIRE(OpenContainer(file.data(), file.size(), &view).ok());
  for (size_t i = 0; i < view.model->blobs()->size(); ++i) {
    if (!view.IsRaw(i)) {
      const auto at = static_cast<size_t>(view.Blob(i) - file.data());
      change(file.data() + at, view.BlobBytes(i));
    }
  }
  RepairChecksum(file);
  return file;
}

lutra_status Open(const std::vector<uint8_t>& file, std::string* message) {
  lutra_options options;
  lutra_options_init(&options);
  lutra_error error;
  lutra_error_init(&error);
  lutra_model* model = nullptr;
  const lutra_status status =
      lutra_model_open_buffer(file.data(), file.size(), &options, &model, &error);
  *message = error.message;
  if (status == LUTRA_OK) lutra_model_close(model);
  return status;
}

TEST_CASE("damaged streams are refused or decode to other weights") {
  size_t refused = 0;
  for (const bool codebook : {false, true}) {
    for (const Codec codec : {Codec::huffman, Codec::best_v1, Codec::best}) {
      const std::vector<uint8_t> file = Coded(LinearModel(32, 100, codebook), codec);
      for (size_t bit = 0; bit < 1500; ++bit) {
        std::string message;
        const auto damaged = Damaged(file, [&](uint8_t* stream, size_t bytes) {
          stream[bit / 8 % bytes] ^= static_cast<uint8_t>(1U << bit % 8);
        });
        const lutra_status status = Open(damaged, &message);
        if (status == LUTRA_OK) continue;
        ++refused;
        CHECK((status == LUTRA_MALFORMED || status == LUTRA_TRUNCATED));
        CHECK(!message.empty());
      }
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("sums that do not fit are found when the values are decoded") {
  // 2^16 weights of 127, inputs of up to 255 steps: 2^16 * 127 * 255 = 2^31 * 0.988; with a bias of
  // 2^30 they leave int32.
  ModelBuilder b;
  const auto x = b.Input("x", {1, 65536}, {0.5F, -128});
  const auto y = b.Int8({1, 1}, {0.5F, 0});
  schema::LinearT linear;
  linear.weights = b.IntWeights(std::vector<int8_t>(65536, 127), {1 << 30}, {0.001F});
  b.Add(std::move(linear), {x}, {y});
  b.Output("y", y);
  const std::vector<uint8_t> file = b.Finish();
  ModelView view;
  REQUIRE(OpenContainer(file.data(), file.size(), &view).ok());
  const std::string raw = Validate(view).message();
  CHECK(raw.find("do not fit int32") != std::string::npos);
  const std::vector<uint8_t> coded = Coded(file, Codec::huffman);
  REQUIRE(OpenContainer(coded.data(), coded.size(), &view).ok());
  CHECK(Validate(view).ok());
  std::string message;
  CHECK(Open(coded, &message) == LUTRA_MALFORMED);
  CHECK(message == raw);
}

}  // namespace
}  // namespace lutra::test
