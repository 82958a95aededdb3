// The bytes around the FlatBuffer: checksum vectors, header fields, blob placement, damage.
#include "schema/container.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "schema/golden.h"
#include "schema/limits.h"
#include "support/model_builder.h"

namespace lutra {
namespace {

template <typename T>
T At(const std::vector<uint8_t>& file, size_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

std::vector<uint8_t> SmallFile() {
  test::ModelBuilder b;
  const auto x = b.Input("x", {1, 8}, {0.5F, 0});
  const auto y = b.Int8({1, 2, 4}, {0.5F, 0});
  b.Add(schema::ReshapeT{}, {x}, {y});
  b.Output("y", y);
  b.Blob(std::vector<uint8_t>(5, 7));
  b.Blob(std::vector<uint8_t>(5000, 8));
  b.Blob(std::vector<uint8_t>(9, 9));
  return b.Finish();
}

Status Open(const std::vector<uint8_t>& file) {
  ModelView view;
  return OpenContainer(file.data(), file.size(), &view);
}

void ExpectError(std::vector<uint8_t> file, Code code, const std::string& message,
                 bool repair = true) {
  if (repair) RepairChecksum(file);
  const Status status = Open(file);
  CHECK(status.code() == code);
  CHECK(std::string(status.message()) == message);
}

TEST_CASE("CRC-32C known answers") {
  // The check value of the catalogue of parametrised CRCs, and RFC 3720 appendix B.4.
  CHECK(Crc32c("123456789", 9) == 0xE3069283U);
  std::vector<uint8_t> bytes(32, 0);
  CHECK(Crc32c(bytes.data(), 32) == 0x8A9136AAU);
  bytes.assign(32, 0xFF);
  CHECK(Crc32c(bytes.data(), 32) == 0x62A8AB43U);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  CHECK(Crc32c(bytes.data(), 32) == 0x46DD794EU);
  std::reverse(bytes.begin(), bytes.end());
  CHECK(Crc32c(bytes.data(), 32) == 0x113FDB5CU);
  CHECK(Crc32c(nullptr, 0) == 0U);
}

TEST_CASE("CRC-32C continues from a seed at any split") {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  const uint32_t whole = Crc32c(text.data(), text.size());
  for (size_t split = 0; split <= text.size(); ++split) {
    const uint32_t first = Crc32c(text.data(), split);
    CHECK(Crc32c(text.data() + split, text.size() - split, first) == whole);
  }
}

TEST_CASE("Golden inputs follow the documented generator") {
  // splitmix64's published outputs for seed 1234567 are the words of input 0.
  const uint64_t words[] = {6457827717110365317U, 3203168211198807973U, 9817491932198370423U};
  int8_t bytes[24];
  FillGoldenInput(1234567, 0, schema::TensorType::int8, 24, bytes);
  CHECK(std::memcmp(bytes, words, sizeof words) == 0);
  float values[3];
  FillGoldenInput(1234567, 0, schema::TensorType::float32, 3, values);
  // Bytes 85 fc 08: -123, -4, 8.
  uint8_t unsigned_bytes[3];
  FillGoldenInput(1234567, 0, schema::TensorType::uint8, 3, unsigned_bytes);
  CHECK((unsigned_bytes[0] == 0x85 && unsigned_bytes[1] == 0xFC && unsigned_bytes[2] == 8));
  uint8_t flags[3];
  FillGoldenInput(1234567, 0, schema::TensorType::bool_, 3, flags);
  CHECK((flags[0] == 1 && flags[1] == 0 && flags[2] == 0));
  uint16_t halves[3];  // -123 / 64 = -1.921875, -1 / 16, 1 / 8
  FillGoldenInput(1234567, 0, schema::TensorType::float16, 3, halves);
  CHECK((halves[0] == 0xBFB0 && halves[1] == 0xAC00 && halves[2] == 0x3000));
  int16_t shorts[3];
  FillGoldenInput(1234567, 0, schema::TensorType::int16, 3, shorts);
  CHECK((shorts[0] == -123 && shorts[1] == -4 && shorts[2] == 8));
  int64_t longs[3];
  FillGoldenInput(1234567, 0, schema::TensorType::int64, 3, longs);
  CHECK((longs[0] == -123 && longs[1] == -4 && longs[2] == 8));
  for (int i = 0; i < 3; ++i) CHECK(values[i] * 64.0F == static_cast<float>(bytes[i]));
  FillGoldenInput(1234567, 1, schema::TensorType::int8, 24, bytes);
  CHECK(std::memcmp(bytes, words, 8) != 0);
}

TEST_CASE("The header describes the file") {
  const std::vector<uint8_t> file = SmallFile();
  CHECK(std::memcmp(file.data() + 4, "LUTR", 4) == 0);
  CHECK(At<uint16_t>(file, 8) == 64);
  CHECK(At<uint16_t>(file, 10) == 1);
  CHECK(At<uint64_t>(file, 24) == file.size());
  const auto segment_base = At<uint32_t>(file, 20);
  CHECK(segment_base % 64 == 0);
  CHECK(At<uint32_t>(file, 16) <= segment_base);
  CHECK(segment_base - At<uint32_t>(file, 16) < 64);
  // The large blob comes first and aligned; the small ones follow on 8 bytes.
  CHECK(file.size() == segment_base + 5000 + 8 + 9);

  ModelView view;
  REQUIRE(OpenContainer(file.data(), file.size(), &view).ok());
  CHECK(view.BlobBytes(0) == 5);
  CHECK(view.Blob(0) == file.data() + segment_base + 5000);
  CHECK(view.Blob(1) == file.data() + segment_base);
  CHECK(view.Blob(2)[8] == 9);
  CHECK(view.model->min_runtime_version() == 1);
}

TEST_CASE("Bytes that are not aligned to 8 are refused") {
  const std::vector<uint8_t> file = SmallFile();
  std::vector<uint8_t> moved(file.size() + 8);
  for (size_t shift = 0; shift <= 8; ++shift) {
    std::copy(file.begin(), file.end(), moved.begin() + static_cast<ptrdiff_t>(shift));
    ModelView view;
    const Status status = OpenContainer(moved.data() + shift, file.size(), &view);
    CHECK(status.code() == (shift % 8 == 0 ? Code::ok : Code::invalid_argument));
  }
}

TEST_CASE("Identical blobs are stored once") {
  ModelWriter writer;
  const std::vector<uint8_t> a = {1, 2, 3}, b = {1, 2, 4};
  CHECK(writer.AddBlob(a) == 0);
  CHECK(writer.AddBlob(b) == 1);
  CHECK(writer.AddBlob(a) == 0);
}

TEST_CASE("Damage is named") {
  const std::vector<uint8_t> file = SmallFile();
  CHECK(Open({}).code() == Code::not_a_model);
  ExpectError({'h', 'e', 'l', 'l', 'o', ' ', 'w', 'o', 'r'}, Code::not_a_model,
              "not a Lutra model: the identifier LUTR is missing");
  ExpectError({file.begin(), file.begin() + 40}, Code::truncated,
              "40 bytes of a header of 64: the file is cut off");
  ExpectError({file.begin(), file.end() - 1}, Code::truncated,
              std::to_string(file.size() - 1) + " bytes of " + std::to_string(file.size()) +
                  ": the file is cut off");
  auto changed = file;
  changed.push_back(0);
  ExpectError(changed, Code::malformed, "1 bytes follow the end of the model");
  changed = file;
  changed.back() ^= 1;
  CHECK(Open(changed).code() == Code::checksum);
  changed = file;
  changed[10] = 2;
  ExpectError(changed, Code::version_too_new,
              "format version 2 is newer than this runtime's (1): update the runtime", false);
  changed = file;
  changed[8] = 72;
  ExpectError(changed, Code::malformed, "header of 72 bytes instead of 64");
  changed = file;
  changed[40] = 1;
  ExpectError(changed, Code::malformed, "reserved header bytes are not zero");
  changed = file;
  changed[0] = 32;
  ExpectError(changed, Code::malformed, "the root table lies in the header");
  changed = file;
  changed[64] ^= 0x80;
  ExpectError(changed, Code::malformed, "the metadata is not a well-formed FlatBuffer");
}

}  // namespace
}  // namespace lutra
