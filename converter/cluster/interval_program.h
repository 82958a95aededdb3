// The dynamic program of one-dimensional k-means: which k intervals of a row of items have the
// smallest sum of spreads. Items are single values or cells of neighbouring ones.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "converter/cluster/prefix_moments.h"

namespace lutra::converter::cluster {

struct Partition {
  std::vector<size_t> starts;  ///< of each interval, by item; the first is 0
  double spread = 0;           ///< the smallest sum of spreads
};

/// prefix[i] = moments of the items before the i-th, i = 0 .. items; every item weighs more than 0.
/// Requires 1 <= k <= items.
Partition BestPartition(std::span<const ValueMoments> prefix, size_t k);

}  // namespace lutra::converter::cluster
