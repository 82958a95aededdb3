// A data set in memory, for training reads every sample many times. Each is decoded once, at the
// start, which also finds whatever is wrong with one before any time has gone into training. Pixels
// are kept as the bytes they were, a quarter of the floats that they become, wherever the bytes
// give every float back bit for bit. What does not fit is decoded again each time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/train/workers.h"
#include "converter/warnings.h"

namespace lutra::converter::train {

constexpr size_t kDefaultStoreBytes = size_t{2} << 30;
/// Targets are all kept.
constexpr size_t kMostTargetBytes = size_t{2} << 30;

class SampleStore {
 public:
  /// Reads everything, by all workers. `input_dims` are those of the network's input, of which the
  /// first is the batch and does not count. Keeps a reference to the dataset. Throws Error when
  /// there is no sample, or more than kMostTargetBytes of targets, or naming the first sample that
  /// cannot be read, does not fit the input, or is shaped otherwise than the first.
  SampleStore(const data::Dataset& dataset, std::vector<int64_t> input_dims, Workers& workers,
              size_t limit_bytes = kDefaultStoreBytes);
  ~SampleStore();

  size_t size() const { return labels_.size(); }
  const std::vector<int64_t>& labels() const { return labels_; }  ///< -1: none
  bool has_targets() const { return !targets_.empty(); }
  /// float32, of the target's own dimensions, which are those of all.
  const Tensor& target(size_t index) const { return targets_[index]; }
  /// Of a sample before it becomes the network's input: [C, H, W], or what the npy file has.
  const std::vector<int64_t>& sample_dims() const { return sample_dims_; }
  /// Of one sample as the network's input: the first is 1.
  const std::vector<int64_t>& input_dims() const { return input_dims_; }
  const data::Normalization& normalization() const { return normalization_; }
  /// CRC-32C of all that training reads: what the samples have become, labels and targets.
  uint32_t Checksum() const { return checksum_; }
  /// How many samples are in memory, and in how many bytes.
  size_t kept() const { return kept_; }
  size_t kept_bytes() const { return kept_bytes_; }

  /// Normalized, of sample_dims(), bit for bit what the dataset gives. Thread-safe.
  Tensor Get(size_t index) const;
  /// File name or index, for messages.
  std::string Source(size_t index) const;

 private:
  class PixelCode;
  // One sample: bytes, or floats where bytes cannot say it, or neither where it did not fit.
  struct Kept {
    std::vector<uint8_t> bytes;
    Tensor floats;
  };

  Kept Encoded(Tensor sample) const;

  const data::Dataset& dataset_;
  data::Normalization normalization_;
  std::unique_ptr<PixelCode> code_;
  std::vector<int64_t> input_dims_, sample_dims_;
  std::vector<int64_t> labels_;
  std::vector<Tensor> targets_;
  std::vector<Kept> samples_;
  size_t kept_ = 0, kept_bytes_ = 0;
  uint32_t checksum_ = 0;
};

/// Throws Error when there are no labels, or one that is none of the `classes`, naming its sample.
/// Warns of classes without a sample.
void CheckLabels(const SampleStore& store, size_t classes, Warnings& warnings);

}  // namespace lutra::converter::train
