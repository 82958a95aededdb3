#include "converter/cluster/kmeans.h"

#include <algorithm>
#include <limits>
#include <random>

#include "converter/cluster/cells.h"
#include "converter/cluster/interval_program.h"
#include "converter/cluster/prefix_moments.h"

namespace lutra::converter::cluster {
namespace {

constexpr size_t kCells = size_t{1} << 16;
// Lloyd's iteration ends by itself; this bounds its time where steps become tiny.
constexpr int kMostSteps = 1000;

using Centroids = std::vector<double>;

// Blocks of up to 2^16 values in all; 0 while sums over every value are wanted.
int BlockBits(size_t size) {
  int bits = 0;
  while (size >> bits > kLargestExact) ++bits;
  return bits;
}

// First value that is nearer to the upper one of each two neighbours; then the number of values.
std::vector<size_t> Ends(const SortedValues& sorted, std::span<const double> centroids) {
  std::vector<size_t> ends;
  auto from = sorted.values.begin();
  for (size_t c = 0; c + 1 < centroids.size(); ++c) {
    const double border = centroids[c] + (centroids[c + 1] - centroids[c]) / 2;
    from = std::partition_point(from, sorted.values.end(),
                                [&](float value) { return static_cast<double>(value) <= border; });
    ends.push_back(static_cast<size_t>(from - sorted.values.begin()));
  }
  ends.push_back(sorted.size());
  return ends;
}

// The mean of every non-empty interval; of an empty one what it was.
Centroids Means(const PrefixMoments& moments, const std::vector<size_t>& ends,
                const Centroids& before) {
  Centroids means(ends.size());
  ValueMoments begin;
  for (size_t c = 0; c < ends.size(); ++c) {
    const ValueMoments end = moments.Before(ends[c]), inside = end - begin;
    means[c] = inside.weight > 0 ? moments.mean() + inside.sum / inside.weight : before[c];
    begin = end;
  }
  return means;
}

Centroids Iterate(const SortedValues& sorted, const PrefixMoments& moments, Centroids centroids) {
  std::vector<size_t> ends = Ends(sorted, centroids);
  for (int step = 0; step < kMostSteps; ++step) {
    centroids = Means(moments, ends, centroids);
    std::vector<size_t> moved = Ends(sorted, centroids);
    if (moved == ends) break;
    ends = std::move(moved);
  }
  return centroids;
}

// Means from the values themselves: sums over a few values out of differences of sums over all
// would lose digits.
Centroids ExactMeans(const SortedValues& sorted, const std::vector<size_t>& ends) {
  Centroids means;
  size_t begin = 0;
  for (const size_t end : ends) {
    if (begin == end) continue;
    const double origin = static_cast<double>(sorted.values[begin]);
    double weight = 0, sum = 0;
    for (size_t i = begin; i < end; ++i) {
      weight += sorted.weights[i];
      sum += sorted.weights[i] * (static_cast<double>(sorted.values[i]) - origin);
    }
    means.push_back(origin + sum / weight);
    begin = end;
  }
  return means;
}

// Of the intervals that the centroids stand for, the means and what they cost.
Clustering Finish(const SortedValues& sorted, const Centroids& centroids) {
  Clustering result{.centroids = ExactMeans(sorted, Ends(sorted, centroids))};
  result.distortion = Distortion(sorted, result.centroids);
  return result;
}

Clustering Exact(const SortedValues& sorted, size_t k) {
  const PrefixMoments moments(sorted, 0);
  Partition best = BestPartition(moments.blocks(), k);
  best.starts.push_back(sorted.size());
  best.starts.erase(best.starts.begin());
  Clustering result = Finish(sorted, ExactMeans(sorted, best.starts));
  result.lower_bound = result.distortion;
  return result;
}

Clustering FromCells(const SortedValues& sorted, size_t k) {
  const PrefixMoments moments(sorted, BlockBits(sorted.size()));
  const Cells cells = CutCells(sorted, moments, kCells);
  const Partition best = BestPartition(cells.prefix, std::min(k, cells.prefix.size() - 1));
  std::vector<size_t> ends;
  for (size_t c = 1; c < best.starts.size(); ++c) ends.push_back(cells.starts[best.starts[c]]);
  ends.push_back(sorted.size());
  Clustering result = Finish(sorted, Iterate(sorted, moments, ExactMeans(sorted, ends)));
  result.lower_bound = std::clamp(best.spread - cells.largest_loss, 0.0, result.distortion);
  return result;
}

Centroids LinearStart(const SortedValues& sorted, size_t k) {
  const double lo = static_cast<double>(sorted.values.front());
  const double hi = static_cast<double>(sorted.values.back());
  Centroids centroids(k, lo);
  for (size_t c = 1; c < k; ++c) {
    centroids[c] = lo + (hi - lo) * static_cast<double>(c) / static_cast<double>(k - 1);
  }
  return centroids;
}

// The values at the quantiles (c + 1/2) / k.
Centroids DensityStart(const SortedValues& sorted, size_t k) {
  double total = 0;
  for (const double weight : sorted.weights) total += weight;
  Centroids centroids;
  double sum = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    sum += sorted.weights[i];
    const auto quantile = [&] {
      return (static_cast<double>(centroids.size()) + 0.5) / static_cast<double>(k) * total;
    };
    // One value is never two centroids: its further quantiles fall to the values after it.
    if (centroids.size() < k && sum >= quantile()) {
      centroids.push_back(static_cast<double>(sorted.values[i]));
    }
  }
  return centroids;
}

Centroids RandomStart(const SortedValues& sorted, size_t k, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<size_t> chosen;
  while (chosen.size() < k) {
    const size_t i = static_cast<size_t>(random() % sorted.size());
    if (std::ranges::find(chosen, i) == chosen.end()) chosen.push_back(i);
  }
  std::ranges::sort(chosen);
  Centroids centroids;
  for (const size_t i : chosen) centroids.push_back(static_cast<double>(sorted.values[i]));
  return centroids;
}

}  // namespace

double Clustering::LargestGap() const {
  if (distortion <= lower_bound) return 0;
  return lower_bound > 0 ? distortion / lower_bound - 1 : std::numeric_limits<double>::infinity();
}

Clustering KMeans(const SortedValues& sorted, size_t k) {
  if (sorted.size() <= k) return {{sorted.values.begin(), sorted.values.end()}, 0, 0};
  return sorted.size() <= kLargestExact ? Exact(sorted, k) : FromCells(sorted, k);
}

Clustering Lloyd(const SortedValues& sorted, size_t k, LloydStart start, uint64_t seed) {
  if (sorted.size() <= k) return {{sorted.values.begin(), sorted.values.end()}, 0, 0};
  Centroids centroids = start == LloydStart::linear    ? LinearStart(sorted, k)
                        : start == LloydStart::density ? DensityStart(sorted, k)
                                                       : RandomStart(sorted, k, seed);
  const PrefixMoments moments(sorted, BlockBits(sorted.size()));
  return Finish(sorted, Iterate(sorted, moments, std::move(centroids)));
}

std::vector<uint16_t> NearestCentroids(std::span<const float> values,
                                       std::span<const double> centroids) {
  std::vector<double> borders;
  for (size_t c = 0; c + 1 < centroids.size(); ++c) {
    borders.push_back(centroids[c] + (centroids[c + 1] - centroids[c]) / 2);
  }
  // Halving without branches: values come in no order that a branch predictor could learn.
  std::vector<uint16_t> indices;
  indices.reserve(values.size());
  for (const float value : values) {
    const double* first = borders.data();
    size_t count = borders.size();
    while (count > 0) {
      const size_t half = (count + 1) / 2;
      first += first[half - 1] < static_cast<double>(value) ? half : 0;
      count -= half;
    }
    indices.push_back(static_cast<uint16_t>(first - borders.data()));
  }
  return indices;
}

double Distortion(const SortedValues& sorted, std::span<const double> centroids) {
  const std::vector<size_t> ends = Ends(sorted, centroids);
  double total = 0;
  size_t i = 0;
  for (size_t c = 0; c < ends.size(); ++c) {
    double cluster = 0;
    for (; i < ends[c]; ++i) {
      const double x = static_cast<double>(sorted.values[i]) - centroids[c];
      cluster += sorted.weights[i] * x * x;
    }
    total += cluster;
  }
  return total;
}

}  // namespace lutra::converter::cluster
