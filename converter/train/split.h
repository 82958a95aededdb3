// Which samples teach and which judge: every choice that training makes by itself (when to stop,
// which weights to keep) is made on samples that no weight has been trained on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lutra::converter::train {

struct Split {
  std::vector<uint32_t> training, validation;  ///< indices, ascending; each sample is in one
};

/// A share below 1 is a part of the samples, rounded to the nearest number; from 1 on it is their
/// number. Throws Error unless 0 <= result < total.
size_t ValidationCount(double share, size_t total);

/// `validation` samples are set apart, of each label as many as it has of the whole, up to rounding
/// (largest remainders first, then lower labels), drawn by the seed. A label keeps at least one
/// sample for training, so there may be fewer; none at all, where some were asked for, throws
/// Error. Without labels all samples have the label -1. Depends on nothing but the arguments.
Split SplitSamples(std::span<const int64_t> labels, size_t validation, uint64_t seed);

}  // namespace lutra::converter::train
