// k-means of the values of a tensor. In one dimension clusters are intervals of the sorted values,
// so that the best clustering can be computed instead of searched for: dynamic programming over the
// sorted values (Wang and Song, "Ckmeans.1d.dp", R Journal 3(2), 2011) whose layers are monotone
// and filled by divide and conquer in O(k n log n) (Groenlund et al., "Fast exact k-means,
// k-medians and Bregman divergence clustering in 1D", arXiv 1701.07204).
//
// Up to kLargestExact distinct values (every FP16 tensor) the result is the optimum. Above, the
// same program runs over some 2^16 cells of neighbouring values, Lloyd's iteration refines its
// result on the values themselves, and Clustering::lower_bound says how far from the optimum it
// can be at most.
//
// Lloyd's iteration from the starts of Deep Compression (Han, Mao, Dally, arXiv 1510.00149,
// section 3.2) is there to compare with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "converter/cluster/sorted_values.h"

namespace lutra::converter::cluster {

constexpr size_t kLargestExact = size_t{1} << 17;

struct Clustering {
  std::vector<double> centroids;  ///< distinct, ascending, at most k
  double distortion = 0;          ///< sum of weight * (value - nearest centroid)^2
  double lower_bound = 0;         ///< no k centroids do better; = distortion where that is optimal

  /// (distortion - optimum) / optimum is at most this; 0 = optimal.
  double LargestGap() const;
};

/// At most k >= 1 centroids, of the least distortion (see above). No more distinct values than k:
/// the values themselves, exactly. No values: no centroids.
Clustering KMeans(const SortedValues& sorted, size_t k);

/// Where Lloyd's iteration starts: evenly between the smallest and the largest value; at evenly
/// spaced quantiles; at k different values drawn at random.
enum class LloydStart : uint8_t { linear, density, random };

/// Lloyd's iteration until nothing changes. `seed` is for LloydStart::random. A centroid without
/// values stays where it is and is dropped at the end. lower_bound is 0: nothing is known.
Clustering Lloyd(const SortedValues& sorted, size_t k, LloydStart start, uint64_t seed = 0);

/// For each value the index of its nearest centroid; the lower one of two equally near.
/// Requires 1 to 65536 ascending centroids.
std::vector<uint16_t> NearestCentroids(std::span<const float> values,
                                       std::span<const double> centroids);

/// Sum of weight * (value - nearest centroid)^2.
double Distortion(const SortedValues& sorted, std::span<const double> centroids);

}  // namespace lutra::converter::cluster
