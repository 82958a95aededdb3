#include "converter/train/sample_store.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "converter/error.h"
#include "schema/container.h"

namespace lutra::converter::train {

// Which float each byte becomes in each channel.
class SampleStore::PixelCode {
 public:
  explicit PixelCode(const data::Normalization& rule)
      : rule_(rule), tables_(std::max({size_t{1}, rule.mean.size(), rule.std.size()})) {
    for (size_t c = 0; c < tables_.size(); ++c) {
      for (size_t x = 0; x < kBytes; ++x) tables_[c][x] = rule.Apply(static_cast<float>(x), c);
    }
  }

  // Empty unless every value is that of a byte.
  std::vector<uint8_t> Encode(const Tensor& sample) const {
    const std::span<const float> values = sample.as<float>();
    const size_t plane = Plane(sample.dims());
    if (plane == 0) return {};
    std::vector<uint8_t> bytes(values.size());
    for (size_t c = 0; c < tables_.size(); ++c) {
      for (size_t i = c * plane; i < (c + 1) * plane; ++i) {
        const float x = std::nearbyint(rule_.Scaled(values[i], c) / rule_.scale);
        if (!(x >= 0 && x < static_cast<float>(kBytes))) return {};
        bytes[i] = static_cast<uint8_t>(x);
        if (std::bit_cast<uint32_t>(tables_[c][bytes[i]]) != std::bit_cast<uint32_t>(values[i])) {
          return {};
        }
      }
    }
    return bytes;
  }

  uint32_t Checksum() const { return Crc32c(tables_.data(), tables_.size() * sizeof tables_[0]); }

  Tensor Decode(std::span<const uint8_t> bytes, const std::vector<int64_t>& dims) const {
    Tensor sample(DataType::float32, dims);
    const std::span<float> values = sample.as<float>();
    const size_t plane = Plane(dims);
    for (size_t c = 0; c < tables_.size(); ++c) {
      for (size_t i = c * plane; i < (c + 1) * plane; ++i) values[i] = tables_[c][bytes[i]];
    }
    return sample;
  }

 private:
  static constexpr size_t kBytes = 256;

  // Elements that share a table; 0 when the sample has not as many channels as there are tables.
  size_t Plane(const std::vector<int64_t>& dims) const {
    const size_t count = tables_.size();
    if (count == 1) return ElementCount(dims);
    const bool fits = dims.size() >= 2 && dims[0] == static_cast<int64_t>(count);
    return fits ? ElementCount(dims) / count : 0;
  }

  data::Normalization rule_;
  std::vector<std::array<float, kBytes>> tables_;
};

SampleStore::SampleStore(const data::Dataset& dataset, std::vector<int64_t> input_dims,
                         Workers& workers, size_t limit_bytes)
    : dataset_(dataset),
      normalization_(dataset.normalization()),
      code_(std::make_unique<PixelCode>(normalization_)),
      input_dims_(std::move(input_dims)) {
  const size_t count = dataset.size();
  if (count == 0) throw Error("the data holds no samples; training needs some");
  if (count > std::numeric_limits<uint32_t>::max()) {
    throw Error("the data holds " + std::to_string(count) + " samples; limit them to 4294967295");
  }
  if (input_dims_.empty()) throw Error("the network's input has no dimension for samples");
  input_dims_[0] = 1;
  labels_.resize(count);
  samples_.resize(count);
  const data::Sample one = dataset.Get(0);
  if (one.input.elements() == 0) throw Error(one.source + ": is empty; repair the data");
  sample_dims_ = one.input.dims();
  if (dataset.has_targets()) {
    const size_t each = std::max<size_t>(1, one.target.elements() * sizeof(float));
    if (count > kMostTargetBytes / each) {
      throw Error("targets of " + std::to_string(each) + " bytes for each of " +
                  std::to_string(count) + " samples do not fit in " +
                  std::to_string(kMostTargetBytes) + "; limit the samples");
    }
    targets_.resize(count);
  }
  std::vector<uint32_t> checksums(count);
  std::atomic<size_t> bytes = 0, kept = 0;
  workers.Run(count, [&](size_t i) {
    data::Sample sample = dataset.Get(i);
    (void)data::AsInput(sample, input_dims_);
    if (sample.input.dims() != sample_dims_) {
      throw Error(sample.source + ": gives a sample of dimensions " +
                  DimsText(sample.input.dims()) + ", but the first one has " +
                  DimsText(sample_dims_) + "; set resize, center_crop or layout");
    }
    labels_[i] = sample.label;
    if (!targets_.empty()) targets_[i] = sample.target.Cast(DataType::float32);
    Kept encoded = Encoded(std::move(sample.input));
    checksums[i] = Crc32c(encoded.bytes.data(), encoded.bytes.size());
    checksums[i] =
        Crc32c(encoded.floats.bytes().data(), encoded.floats.bytes().size(), checksums[i]);
    if (!targets_.empty()) {
      checksums[i] = Crc32c(targets_[i].bytes().data(), targets_[i].bytes().size(), checksums[i]);
    }
    const size_t size = encoded.bytes.size() + encoded.floats.bytes().size();
    if (bytes.fetch_add(size) + size > limit_bytes) {
      bytes -= size;
      return;
    }
    ++kept;
    samples_[i] = std::move(encoded);
  });
  kept_ = kept;
  kept_bytes_ = bytes;
  checksum_ = Crc32c(checksums.data(), checksums.size() * sizeof(uint32_t), code_->Checksum());
  checksum_ = Crc32c(labels_.data(), labels_.size() * sizeof(int64_t), checksum_);
}

SampleStore::~SampleStore() = default;

SampleStore::Kept SampleStore::Encoded(Tensor sample) const {
  std::vector<uint8_t> bytes = code_->Encode(sample);
  if (!bytes.empty()) return {std::move(bytes), {}};
  return {{}, std::move(sample)};
}

Tensor SampleStore::Get(size_t index) const {
  const Kept& kept = samples_[index];
  if (!kept.bytes.empty()) return code_->Decode(kept.bytes, sample_dims_);
  if (kept.floats.type() != DataType::undefined) return kept.floats;
  return dataset_.Get(index).input;
}

std::string SampleStore::Source(size_t index) const { return dataset_.Get(index).source; }

void CheckLabels(const SampleStore& store, size_t classes, Warnings& warnings) {
  const std::vector<int64_t>& labels = store.labels();
  if (std::ranges::all_of(labels, [](int64_t label) { return label == -1; })) {
    throw Error(
        "the data has no labels, which this training needs; name them in the data description, or "
        "train against the network's own outputs with --unlabelled");
  }
  std::vector<size_t> counts(classes);
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || static_cast<size_t>(labels[i]) >= classes) {
      throw Error(store.Source(i) + ": label " + std::to_string(labels[i]) +
                  " is none of the network's " + std::to_string(classes) +
                  " classes, which count from 0");
    }
    ++counts[static_cast<size_t>(labels[i])];
  }
  const auto empty = std::ranges::count(counts, size_t{0});
  if (empty == 0) return;
  const auto first = std::ranges::find(counts, size_t{0}) - counts.begin();
  warnings.Add(std::to_string(empty) + " of the network's " + std::to_string(classes) +
               " classes have no sample in the data (the first is " + std::to_string(first) +
               "), so training makes the network forget them; add samples of each class");
}

}  // namespace lutra::converter::train
