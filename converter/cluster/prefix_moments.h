// Sums over any interval of sorted values in constant time: weight, weight * x and weight * x^2 of
// all values before every 2^block_bits-th one, x being the value minus the mean of all (without
// which sums of squares far from 0 would cancel). Blocks keep the memory small where only a few
// intervals are asked for.
#pragma once

#include <cstddef>
#include <vector>

#include "converter/cluster/sorted_values.h"

namespace lutra::converter::cluster {

struct ValueMoments {
  double weight = 0, sum = 0, square = 0;

  void Add(double x, double w) {
    weight += w;
    sum += w * x;
    square += w * x * x;
  }
  ValueMoments operator-(const ValueMoments& other) const {
    return {weight - other.weight, sum - other.sum, square - other.square};
  }
  /// Sum of weight * (x - mean)^2 over the interval whose moments these are.
  double Spread() const { return weight > 0 ? square - sum * sum / weight : 0; }
};

class PrefixMoments {
 public:
  PrefixMoments(const SortedValues& sorted, int block_bits);

  /// Over the values before the i-th, 0 <= i <= size.
  ValueMoments Before(size_t i) const;
  double mean() const { return mean_; }
  /// Block sums, the first of which is 0 and the last of which holds all values.
  const std::vector<ValueMoments>& blocks() const { return blocks_; }

 private:
  double Centred(size_t i) const { return static_cast<double>(sorted_->values[i]) - mean_; }

  const SortedValues* sorted_;
  int block_bits_;
  double mean_ = 0;
  std::vector<ValueMoments> blocks_;
};

}  // namespace lutra::converter::cluster
