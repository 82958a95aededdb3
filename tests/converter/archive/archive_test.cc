// Archives: every scheme keeps its promise, special tensors come back as defined, damaged files are
// refused.
#include "converter/archive/archive.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <set>

#include "converter/error.h"
#include "converter/graph/weight_text.h"
#include "schema/writer.h"
#include "support/skip.h"

namespace lutra::converter::archive {
namespace {

Tensor RandomTensor(std::vector<int64_t> dims, unsigned seed, float spread = 0.1F) {
  Tensor tensor(DataType::float32, std::move(dims));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  for (float& value : tensor.as<float>()) value = normal(random);
  return tensor;
}

checkpoint::Checkpoint Holding(std::vector<checkpoint::NamedTensor> tensors) {
  checkpoint::Checkpoint checkpoint;
  checkpoint.tensors = std::move(tensors);
  return checkpoint;
}

WeightFormat FormatOf(std::string_view weights, std::string_view granularity = "channel",
                      bool asymmetric = false) {
  WeightFormat format;
  SetWeights(format, weights, kArchiveWords);
  SetGranularity(format, granularity, kArchiveWords);
  format.asymmetric = asymmetric;
  return format;
}

CompressedArchive Pack(const checkpoint::Checkpoint& checkpoint, const WeightFormat& format,
                       coding::Codec codec = coding::Codec::huffman) {
  CompressOptions options;
  options.format = format;
  options.codec = codec;
  return Compress(checkpoint, options);
}

Tensor Restored(const Tensor& tensor, const WeightFormat& format) {
  return Decompress(Pack(Holding({{"w", tensor}}), format).file).tensors[0].tensor;
}

/// Half a step of the ideal scale, plus its rounding to FP16 (2^-10), plus that of float32.
double Bound(double step) { return step / 2 * (1 + 0x1p-10) * (1 + 0x1p-20); }

TEST_CASE("Linear weights lie within half a step of their channel, tensor or group") {
  for (const unsigned bits : {2U, 3U, 5U, 7U, 8U, 16U}) {
    for (const char* granularity : {"channel", "tensor", "group:16"}) {
      for (const bool asymmetric : {false, true}) {
        Tensor tensor = RandomTensor({5, 3, 7, 2}, bits);  // rows of 42
        for (size_t i = 0; i < 42; ++i) tensor.as<float>()[42 + i] *= 1e-4F;
        const Tensor after =
            Restored(tensor, FormatOf("linear" + std::to_string(bits), granularity, asymmetric));
        const std::span<const float> a = tensor.as<float>(), b = after.as<float>();
        const std::string which = granularity;
        const size_t row = which == "tensor" ? a.size() : 42;
        const size_t step = which == "group:16" ? 16 : row;
        for (size_t begin = 0; begin < a.size();) {
          const size_t end = std::min(begin + step, (begin / row + 1) * row);
          const auto [least, most] = std::minmax_element(a.begin() + static_cast<ptrdiff_t>(begin),
                                                         a.begin() + static_cast<ptrdiff_t>(end));
          const double low = static_cast<double>(*least), high = static_cast<double>(*most);
          const double ideal = asymmetric ? (high - low) / ((1 << bits) - 1)
                                          : std::max(-low, high) / ((1 << (bits - 1)) - 1);
          // A minimum in FP16 may widen the range by 2^-10 of its magnitude, at most 1/16 of it.
          const double widened =
              asymmetric ? std::min(ideal / 16, std::fabs(low) * 0x1p-10 / ((1 << bits) - 1)) : 0;
          for (size_t i = begin; i < end; ++i) {
            const double error = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
            CHECK(error <= Bound(ideal + widened));
          }
          begin = end;
        }
      }
    }
  }
}

TEST_CASE("Scales far below and above FP16's range keep their precision") {
  for (const float factor : {1e-30F, 1e-12F, 1e12F, 1e30F}) {
    Tensor tensor = RandomTensor({4, 64}, 3);
    double largest = 0;
    for (float& value : tensor.as<float>()) value *= factor;
    for (const float value : tensor.as<float>()) {
      largest = std::max(largest, std::fabs(static_cast<double>(value)));
    }
    for (const bool asymmetric : {false, true}) {
      const Tensor after = Restored(tensor, FormatOf("linear8", "channel", asymmetric));
      for (size_t i = 0; i < tensor.elements(); ++i) {
        const double error = std::fabs(static_cast<double>(tensor.as<float>()[i]) -
                                       static_cast<double>(after.as<float>()[i]));
        CHECK(error <= Bound(largest / 127 * 1.0625));
      }
    }
  }
}

TEST_CASE("Values close together and far from zero: minimums become float32") {
  Tensor tensor = RandomTensor({2, 100}, 4, 1e-3F);
  for (float& value : tensor.as<float>()) value += 1000;
  const Tensor after = Restored(tensor, FormatOf("linear8", "channel", true));
  for (size_t i = 0; i < tensor.elements(); ++i) {
    // The range is about 6e-3, a step 2.4e-5 and an ulp of 1000 6.1e-5.
    CHECK(std::fabs(tensor.as<float>()[i] - after.as<float>()[i]) <= 1e-4F);
  }
}

TEST_CASE("What is kept exactly: constants, integers, NaN, infinities, values beyond FP16") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float kNan = std::nanf("7");
  std::vector<checkpoint::NamedTensor> tensors;
  tensors.push_back({"zeros", Tensor(DataType::float32, {8, 8})});
  tensors.push_back({"constant", Tensor::Of({2, 3}, std::vector<float>(6, 0.1F))});
  tensors.push_back({"nan", Tensor::Of({2, 2}, std::vector<float>{1, kNan, -0.0F, 2})});
  tensors.push_back({"infinity", Tensor::Of({2, 2}, std::vector<float>{1, -kInfinity, 3, 4})});
  tensors.push_back({"beyond", Tensor::Of({3}, std::vector<float>{1, 65520, 3})});
  tensors.push_back({"counter", Tensor::Of({}, std::vector<int64_t>{-5})});
  tensors.push_back({"ints", Tensor::Of({2, 2}, std::vector<int64_t>{1, -2, INT64_MIN, 4})});
  tensors.push_back({"bytes", tensors.back().tensor.Cast(DataType::uint8)});
  tensors.push_back(
      {"flags", Tensor::Of({2, 2}, std::vector<int64_t>{0, 1, 1, 0}).Cast(DataType::boolean)});
  tensors.push_back({"empty", Tensor(DataType::float32, {0, 4})});
  tensors.push_back({"bfloat16", RandomTensor({9}, 5).Cast(DataType::bfloat16)});
  tensors.push_back({"half", RandomTensor({9}, 5).Cast(DataType::float16)});
  tensors.push_back({"below", Tensor::Of({3}, std::vector<float>{1e-30F, -2e-30F, 0})});
  const checkpoint::Checkpoint checkpoint = Holding(tensors);
  for (const char* weights : {"fp16", "linear4", "linear16", "codebook2"}) {
    for (const coding::Codec codec :
         {coding::Codec::none, coding::Codec::huffman, coding::Codec::best}) {
      const CompressedArchive archive = Pack(checkpoint, FormatOf(weights), codec);
      const checkpoint::Checkpoint after = Decompress(archive.file);
      REQUIRE(after.tensors.size() == tensors.size());
      for (size_t i = 0; i < tensors.size(); ++i) {
        CHECK_MESSAGE(after.tensors[i].tensor == tensors[i].tensor, tensors[i].name);
        CHECK(after.tensors[i].name == tensors[i].name);
      }
      CHECK(archive.listing.rows[2].note == "holds NaN or infinity");
      CHECK(archive.listing.rows[4].note == "beyond the range of FP16");
      CHECK(archive.listing.rows[12].note == "below the range of FP16");
    }
  }
}

TEST_CASE("FP16 rounds to nearest even up to 65504") {
  const Tensor after =
      Restored(Tensor::Of({3}, std::vector<float>{65519, 0.1F, -1e-9F}), FormatOf("linear8"));
  CHECK(after.as<float>()[0] == 65504.0F);
  CHECK(after.as<float>()[1] == 0.0999755859375F);
  CHECK(after.as<float>()[2] == 0.0F);
}

TEST_CASE("Values that FP16 makes 0 beside larger ones are counted") {
  const CompressedArchive archive =
      Pack(Holding({{"b", Tensor::Of({4}, std::vector<float>{1, 2.9e-8F, -1e-20F, 0})}}),
           FormatOf("linear8"), {});
  // 2^-25 = 2.98e-8 is half of the smallest half.
  CHECK(archive.listing.rows[0].note == "2 values below 3e-8 became 0");
  // Down to FP16's smallest normal value nothing is kept raw: 2^-14 holds 11 bits.
  const CompressedArchive small =
      Pack(Holding({{"b", Tensor::Of({2}, std::vector<float>{6.2e-5F, 7.7e-5F})}}),
           FormatOf("linear8"), {});
  CHECK(small.listing.rows[0].scheme == "fp16");
}

TEST_CASE("The error of float64 near its limits is a number") {
  for (const double unit : {1e300, 1e-300}) {
    Tensor tensor(DataType::float64, {2, 3});
    std::ranges::transform(std::vector<double>{1, 2, 3, 1, -1, 0.3}, tensor.as<double>().begin(),
                           [&](double value) { return value * unit; });
    const CompressedArchive archive =
        Pack(Holding({{"w", std::move(tensor)}}), FormatOf("linear8"), {});
    CHECK(archive.listing.rows[0].sqnr_db > 40);  // 7 bits beside the sign
  }
}

TEST_CASE("Codebooks: few values exactly, pruned zeros kept, else the nearest of 2^bits") {
  const std::vector<float> few = {0.1F, -0.7F, 3e-20F, 1e20F};
  for (const bool pruned : {false, true}) {
    Tensor tensor(DataType::float32, {32, 256});
    std::mt19937 random(6);
    for (float& value : tensor.as<float>()) {
      value = pruned && random() % 4 != 0 ? 0 : few[random() % few.size()];
    }
    CHECK(Restored(tensor, FormatOf("codebook2")) == tensor);
  }
  Tensor tensor = RandomTensor({64, 64}, 8);
  for (size_t i = 0; i < 3000; ++i) tensor.as<float>()[i] = 0;
  const Tensor after = Restored(tensor, FormatOf("codebook3"));
  std::set<float> distinct(after.as<float>().begin(), after.as<float>().end());
  CHECK(distinct.size() == 9);  // eight and zero
  for (size_t i = 0; i < tensor.elements(); ++i) {
    const float value = tensor.as<float>()[i], kept = after.as<float>()[i];
    CHECK((value == 0) == (kept == 0));
    for (const float other : distinct) {
      if (other != 0) CHECK(std::fabs(value - kept) <= std::fabs(value - other));
    }
    if (value == 0) CHECK(kept == 0);
  }
}

TEST_CASE("Tied tensors are stored once; bytes of the table add up to the file") {
  const Tensor tensor = RandomTensor({64, 64}, 9);
  const CompressedArchive one = Pack(Holding({{"a", tensor}}), FormatOf("linear8"));
  const CompressedArchive two = Pack(Holding({{"a", tensor}, {"b", tensor}}), FormatOf("linear8"));
  CHECK(two.file.size() <= one.file.size() + 64);
  const checkpoint::Checkpoint after = Decompress(two.file);
  CHECK(after.tensors[0].tensor == after.tensors[1].tensor);
  uint64_t bytes = two.listing.contents_bytes + two.listing.frame_bytes;
  for (const ArchiveRow& row : two.listing.rows) bytes += row.weight_bytes + row.parameter_bytes;
  CHECK(bytes == two.file.size());
}

TEST_CASE("Seven bits take seven bits") {
  const CompressedArchive archive = Pack(Holding({{"w", RandomTensor({16, 1024}, 10)}}),
                                         FormatOf("linear7"), coding::Codec::none);
  CHECK(archive.listing.rows[0].weight_bytes == 16 * 1024 * 7 / 8);
}

/// In memory of the exact size and alignment, so that a sanitizer sees every read past the end.
bool Opens(std::span<const uint8_t> file) {
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[file.size()]);
  if (!file.empty()) std::memcpy(bytes.get(), file.data(), file.size());
  try {
    Decompress({bytes.get(), file.size()});
    return true;
  } catch (const Error&) {
    return false;
  }
}

TEST_CASE("Every truncation and every flipped bit: refused, or harmless behind a new checksum") {
  std::vector<checkpoint::NamedTensor> tensors;
  tensors.push_back({"l", RandomTensor({3, 8}, 1)});
  tensors.push_back({"c", Tensor::Of({2, 4}, std::vector<float>{1, 2, 0, 1, 1, 0, 2, 1})});
  tensors.push_back({"v", RandomTensor({5}, 2)});
  tensors.push_back({"n", Tensor::Of({3}, std::vector<int64_t>{1, 2, 3})});
  tensors.push_back({"k", Tensor::Of({}, std::vector<int64_t>{4})});
  CompressOptions options;
  options.formats = {FormatOf("linear5", "group:4", true), FormatOf("codebook1")};
  for (const coding::Codec codec :
       {coding::Codec::none, coding::Codec::huffman, coding::Codec::best}) {
    options.codec = codec;
    const std::vector<uint8_t> file = Compress(Holding(tensors), options).file;
    REQUIRE(Opens(file));
    for (size_t size = 0; size < file.size(); ++size) {
      CHECK(!Opens(std::span(file).first(size)));
    }
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
      std::vector<uint8_t> damaged = file;
      damaged[bit / 8] = static_cast<uint8_t>(damaged[bit / 8] ^ (1U << bit % 8));
      CHECK(!Opens(damaged));
      RepairChecksum(damaged);
      refused += Opens(damaged) ? 0 : 1;
    }
    CHECK(refused > 0);
  }
}

TEST_CASE("Contents that lie are refused before memory is taken") {
  const auto refused = [](const std::function<void(ArchiveContents&)>& edit, const char* why) {
    ArchiveContents contents;
    ArchiveEntry entry;
    entry.name = "w";
    entry.dims = {4, 4};
    entry.scheme = ArchiveScheme::linear;
    entry.format.bits = 8;
    entry.format.granularity = Granularity::channel;
    entry.stream.bytes = 16;
    contents.entries.push_back(entry);
    contents.parameters.bytes = 8;
    if (!edit) {
      CHECK(ReadContents(WriteContents(contents), 24).entries == contents.entries);
      return;
    }
    edit(contents);
    try {
      ReadContents(WriteContents(contents), 24);
      FAIL_CHECK(why);
    } catch (const Error& error) {
      CHECK_MESSAGE(std::string(error.what()).find(why) != std::string::npos, error.what());
    }
  };
  refused(nullptr, "");
  refused([](auto& c) { c.entries[0].dims = {1 << 20, 1 << 9}; }, "far larger than the file");
  refused([](auto& c) { c.entries[0].dims = {1 << 12, 1 << 10}; }, "too short for its tensor");
  refused([](auto& c) { c.entries[0].dims = {INT64_MAX, INT64_MAX}; }, "");
  refused([](auto& c) { c.entries[0].dims.assign(17, 1); }, "out of range");
  refused([](auto& c) { c.entries[0].type = DataType::int32; }, "floating numbers");
  refused([](auto& c) { c.entries[0].type = DataType::string; }, "a type that");
  refused([](auto& c) { c.entries[0].format.bits = 9; }, "bits are wrong");
  refused([](auto& c) { c.entries[0].format.bits = 17; }, "out of range");
  refused([](auto& c) { c.entries[0].name = ""; }, "name is empty");
  refused([](auto& c) { c.entries[0].name = "\xFF"; }, "not printable");
  refused([](auto& c) { c.entries.push_back(c.entries[0]); }, "the same name");
  refused([](auto& c) { c.entries[0].stream.bytes = 15; }, "bytes follow its last stream");
  refused([](auto& c) { c.entries[0].stream.bytes = UINT64_MAX; }, "leave the file");
  refused([](auto& c) { c.entries[0].scheme = ArchiveScheme::same; }, "repeats nothing");
  refused([](auto& c) { c.entries[0].dims = {0, 4}; }, "tensors with elements");
  refused([](auto& c) { c.entries[0].scale_exponent = 1500; }, "out of range");
}

TEST_CASE("StudentNet: sizes of whole files" * doctest::test_suite("shared")) {
  const std::string path = LUTRA_SOURCE_DIR "/../shared/models/checkpoints/studentnet.bin";
  if (!std::filesystem::exists(path)) {
    return ::lutra::test::Skip("there is no " + path);
  }
  const checkpoint::Checkpoint before = checkpoint::ReadCheckpoint(path);
  const std::pair<const char*, size_t> targets[] = {
      {"fp16", 522000}, {"linear8", 254000}, {"linear7", 224000}, {"linear4", 121000}};
  for (const auto& [weights, most] : targets) {
    const CompressedArchive archive = Pack(before, FormatOf(weights), coding::Codec::best);
    MESSAGE(weights << ": " << archive.file.size() << " bytes, at most " << most);
    CHECK(archive.file.size() <= most);
    const checkpoint::Checkpoint after = Decompress(archive.file);
    REQUIRE(after.tensors.size() == before.tensors.size());
    for (size_t t = 0; t < after.tensors.size(); ++t) {
      const Tensor &a = before.tensors[t].tensor, &b = after.tensors[t].tensor;
      CHECK(before.tensors[t].name == after.tensors[t].name);
      REQUIRE(a.type() == b.type());
      REQUIRE(a.dims() == b.dims());
      if (!IsFloating(a.type())) {
        CHECK(a == b);
        continue;
      }
      const bool linear = a.rank() >= 2 && std::string(weights) != "fp16";
      const int steps = linear ? (1 << (weights[6] - '1')) - 1 : 1;
      const size_t row = a.elements() / static_cast<size_t>(a.rank() >= 2 ? a.dims()[0] : 1);
      for (size_t begin = 0; begin < a.elements(); begin += row) {
        double largest = 0;
        for (size_t i = begin; i < begin + row; ++i) {
          largest = std::max(largest, std::fabs(static_cast<double>(a.as<float>()[i])));
        }
        for (size_t i = begin; i < begin + row; ++i) {
          const double value = static_cast<double>(a.as<float>()[i]);
          const double error = std::fabs(value - static_cast<double>(b.as<float>()[i]));
          // FP16: half an ulp of the value, or half of the smallest subnormal.
          const double bound =
              linear ? Bound(largest / steps) : std::max(std::fabs(value) * 0x1p-11, 0x1p-25);
          REQUIRE(error <= bound);
        }
      }
    }
  }
}

}  // namespace
}  // namespace lutra::converter::archive
