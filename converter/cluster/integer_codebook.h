// Codebooks for integer arithmetic: the entries are integers from -highest to highest, with 0 among
// them or free of that. Which 2^bits of them cost least is found exactly, in time that hardly
// depends on the number of values: two neighbouring entries a < b part their values at (a + b) / 2,
// always a multiple of 1/2, so that the moments of the values in each half step say what any choice
// costs, and a dynamic program over the integers chooses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "converter/cluster/prefix_moments.h"

namespace lutra::converter::cluster {

/// Values on the integers' own scale, by half steps; those beyond the ends count fully.
class HalfSteps {
 public:
  /// 1 <= highest <= 127.
  explicit HalfSteps(int highest) : highest_(highest), cells_(4 * static_cast<size_t>(highest)) {}

  void Add(double value, double weight);
  int highest() const { return highest_; }
  const std::vector<ValueMoments>& cells() const { return cells_; }

 private:
  int highest_;
  std::vector<ValueMoments> cells_;  // the i-th: -highest + i / 2 and up to half a step more
};

/// Whether 0 must be an entry.
enum class ZeroEntry : bool { free, kept };

/// Ascending integers, at most `entries` >= 1 and as many as the range has: of all such choices one
/// that makes the sum of weight * (value - nearest entry)^2 least.
std::vector<int8_t> BestIntegerCodebook(const HalfSteps& values, size_t entries, ZeroEntry zero);

/// Rounds to the nearest of some ascending integers, by a table over the half steps. Of two equally
/// near ones it gives the upper.
class NearestEntry {
 public:
  explicit NearestEntry(std::span<const int8_t> entries);
  /// `value` is not NaN.
  int8_t operator()(double value) const;

 private:
  std::vector<int8_t> nearest_;  // half steps from -127 to 127
};

}  // namespace lutra::converter::cluster
