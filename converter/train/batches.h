// From samples to minibatches: shuffled anew in each epoch, augmented, in the network's own layout.
// What a minibatch holds is a function of the seed, the epoch and its number, whatever was asked
// for before: a run that was killed goes on in the middle of an epoch, and any thread may assemble
// any part of any minibatch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "converter/graph/tensor.h"
#include "converter/train/augment.h"
#include "converter/train/sample_store.h"

namespace lutra::converter::train {

/// Some samples, ready for the network.
struct Batch {
  Tensor input;                 ///< [n, ...], the network's layout, float32
  std::vector<int64_t> labels;  ///< n, -1 where there is none
  Tensor soft_labels = {};      ///< [n, classes], where mix-up made them; undefined otherwise
  Tensor targets = {};          ///< [n, elements of one], where the data has them
};

/// As they are: for validation, and whatever else must not be augmented.
Batch Assemble(const SampleStore& store, std::span<const uint32_t> samples);

struct BatchSettings {
  /// Samples of a minibatch. 0: the largest power of two that is at most 128 and goes four times
  /// into the samples.
  size_t size = 0;
  uint64_t seed = 0;
  Augmentation augmentation;
  size_t classes = 0;  ///< for mix-up's labels; 0: training is without labels
};

class Batches {
 public:
  /// One epoch: its samples in order, those of a minibatch beside each other.
  struct Epoch {
    size_t number = 0;
    std::vector<uint32_t> samples;
  };

  /// Of these samples of the store (split.h), to which a reference is kept. Throws Error when there
  /// are fewer than a minibatch holds, or when they cannot be augmented so.
  Batches(const SampleStore& store, std::vector<uint32_t> samples, const BatchSettings& settings);

  size_t size() const { return settings_.size; }
  size_t per_epoch() const { return samples_.size() / settings_.size; }  ///< at least 1

  /// All samples but those that do not fill a minibatch, which are others in each epoch.
  Epoch Shuffled(size_t number) const;

  /// Samples first to first + count - 1 of a minibatch of the epoch. Thread-safe. However it is
  /// cut, the parts are the same: a sample's mix-up partner may lie in another part.
  Batch Get(const Epoch& epoch, size_t minibatch, size_t first, size_t count) const;

 private:
  // One sample as the network's input, augmented as this epoch has it.
  Tensor Augmented(const Epoch& epoch, uint32_t sample) const;

  const SampleStore& store_;
  std::vector<uint32_t> samples_;
  BatchSettings settings_;
};

}  // namespace lutra::converter::train
