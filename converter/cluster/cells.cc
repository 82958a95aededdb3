#include "converter/cluster/cells.h"

#include <algorithm>
#include <cmath>

namespace lutra::converter::cluster {
namespace {

// Cells of equal weight * width = t take sqrt(weight * width / t) of any stretch of even density:
// estimated over `wanted` stretches of equally many values.
double CutAt(const SortedValues& sorted, const PrefixMoments& moments, size_t wanted) {
  double sum = 0;
  size_t begin = 0;
  double before = 0;
  for (size_t i = 1; i <= wanted; ++i) {
    const size_t end = sorted.size() * i / wanted;
    const double weight = moments.Before(end).weight;
    const double width =
        static_cast<double>(sorted.values[end - 1]) - static_cast<double>(sorted.values[begin]);
    sum += std::sqrt((weight - before) * width);
    begin = end;
    before = weight;
  }
  const double root = sum / static_cast<double>(wanted);
  return root * root;
}

}  // namespace

Cells CutCells(const SortedValues& sorted, const PrefixMoments& moments, size_t wanted) {
  const double cut = CutAt(sorted, moments, wanted);
  Cells cells;
  ValueMoments sums;
  double weight = 0, start = 0, largest = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const double value = static_cast<double>(sorted.values[i]), w = sorted.weights[i];
    if (i == 0 || (weight + w) * (value - start) > cut) {
      cells.starts.push_back(i);
      cells.prefix.push_back(sums);
      weight = 0;
      start = value;
    }
    weight += w;
    largest = std::max(largest, weight * (value - start));
    sums.Add(value - moments.mean(), w);
  }
  cells.starts.push_back(sorted.size());
  cells.prefix.push_back(sums);
  const double range =
      static_cast<double>(sorted.values.back()) - static_cast<double>(sorted.values.front());
  cells.largest_loss = 2 * range * largest;
  return cells;
}

}  // namespace lutra::converter::cluster
