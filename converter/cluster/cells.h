// Cells of neighbouring values, the items of the dynamic program where there are too many values.
//
// No clustering whose borders lie between cells costs more than `optimum + 2 R max(weight * width)`
// at best, R the width of all values: take the optimal clustering; in each cell that several of its
// clusters share, give all values to one of them. A value x that leaves its cluster for another
// crosses the midpoints t between neighbouring centroids a < b on the way, each of which costs
// 2 (b - a) |x - t| with |x - t| at most the cell's width; the differences b - a of all cells sum
// to at most R. The greedy cut below makes weight * width alike in all cells, for the bound and
// because crowded places need finer cells.
#pragma once

#include <vector>

#include "converter/cluster/prefix_moments.h"

namespace lutra::converter::cluster {

struct Cells {
  std::vector<size_t> starts;        ///< first value of each cell, then the number of values
  std::vector<ValueMoments> prefix;  ///< moments of the values before each of these
  double largest_loss = 0;           ///< 2 R max(weight * width)
};

/// Some `wanted` cells (by up to a small factor more) of sorted.size() > wanted values.
Cells CutCells(const SortedValues& sorted, const PrefixMoments& moments, size_t wanted);

}  // namespace lutra::converter::cluster
