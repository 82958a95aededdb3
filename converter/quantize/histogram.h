// Streaming histogram of one value: fixed memory however many samples are seen.
//
// The bins cover [-limit, limit), limit a power of two that doubles whenever a larger magnitude
// arrives: neighbouring bins are then merged pairwise, which loses nothing but resolution. So one
// pass over the data is enough, and the result does not depend on the order of the samples beyond
// that. Exact zeros (most of what a ReLU writes) are counted apart, for quantization represents
// them without error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lutra::converter::quantize {

class Histogram {
 public:
  static constexpr size_t kBins = 8192;  ///< 64 KB per observed value

  /// Adds every element. Throws Error when one of them is NaN or infinite.
  void Add(std::span<const float> values);

  bool empty() const { return count_ == 0; }
  uint64_t count() const { return count_; }  ///< elements, zeros included
  uint64_t zeros() const { return zeros_; }
  float min() const { return min_; }  ///< exact; 0 when empty
  float max() const { return max_; }

  /// Elements other than exact zeros in bin i, which covers [Low(i), Low(i + 1)).
  uint64_t bin(size_t i) const { return bins_[i]; }
  double Low(size_t i) const { return -limit_ + static_cast<double>(i) * width_; }
  double Center(size_t i) const { return Low(i) + 0.5 * width_; }
  double width() const { return width_; }

 private:
  void Grow(double magnitude);

  std::vector<uint64_t> bins_;
  double limit_ = 0, width_ = 0;
  uint64_t count_ = 0, zeros_ = 0;
  float min_ = 0, max_ = 0;
};

}  // namespace lutra::converter::quantize
