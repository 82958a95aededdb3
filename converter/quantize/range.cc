#include "converter/quantize/range.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "schema/limits.h"

namespace lutra::converter::quantize {
namespace {

constexpr double kLevels = 255;  // steps between the lowest and the highest int8
constexpr double kPercentile = 0.9999;
constexpr double kMostError = 10;    // of entropy's range, in squared errors of the whole range
constexpr size_t kCandidates = 128;  // positions of each end that a search tries

Range MinMax(const Histogram& h) {
  return {std::min(0.0, static_cast<double>(h.min())), std::max(0.0, static_cast<double>(h.max()))};
}

Range Percentile(const Histogram& h) {
  // Exact zeros are in every range: of a value that is nearly always 0 the rest would be outside.
  const double outside = (1 - kPercentile) * static_cast<double>(h.count() - h.zeros());
  const Range all = MinMax(h);
  Range range = all;
  double tail = 0;
  for (size_t i = Histogram::kBins; i-- > 0 && h.Low(i) >= 0;) {
    tail += static_cast<double>(h.bin(i));
    if (tail > outside) {
      range.hi = std::min(all.hi, h.Low(i) + h.width());
      break;
    }
  }
  tail = 0;
  for (size_t i = 0; i < Histogram::kBins && h.Low(i) < 0; ++i) {
    tail += static_cast<double>(h.bin(i));
    if (tail > outside) {
      range.lo = std::max(all.lo, h.Low(i));
      break;
    }
  }
  return range;
}

// Sums over the bins up to each position, so that the error of a candidate range costs O(1).
struct Moments {
  std::array<std::vector<double>, 3> below;  // of 1, x, x^2 over bins [0, i)
  explicit Moments(const Histogram& h) {
    for (auto& sum : below) sum.assign(Histogram::kBins + 1, 0);
    for (size_t i = 0; i < Histogram::kBins; ++i) {
      const double x = h.Center(i), n = static_cast<double>(h.bin(i));
      below[0][i + 1] = below[0][i] + n;
      below[1][i + 1] = below[1][i] + n * x;
      below[2][i + 1] = below[2][i] + n * x * x;
    }
  }
  // Sum of (x - edge)^2 over bins [begin, end).
  double Squares(size_t begin, size_t end, double edge) const {
    const auto sum = [&](size_t power) { return below[power][end] - below[power][begin]; };
    return std::max(0.0, sum(2) - 2 * edge * sum(1) + edge * edge * sum(0));
  }
};

size_t BinOf(const Histogram& h, double x) {
  const double position = (x - h.Low(0)) / h.width();
  return static_cast<size_t>(std::clamp(position, 0.0, static_cast<double>(Histogram::kBins)));
}

// Squared error of the values in range [lo, hi], bins first .. last - 1: what is clipped, and
// rounding.
double SquaredError(const Moments& moments, size_t first, size_t last, const Range& range) {
  const double step = (range.hi - range.lo) / kLevels;
  const double inside = moments.below[0][last] - moments.below[0][first];
  return moments.Squares(0, first, range.lo) + moments.Squares(last, Histogram::kBins, range.hi) +
         inside * step * step / 12;
}

Range LeastSquares(const Histogram& h) {
  const Moments moments(h);
  const Range all = MinMax(h);
  Range best = all;
  double least = std::numeric_limits<double>::infinity();
  const size_t low_candidates = all.lo < 0 ? kCandidates : 1;
  const size_t high_candidates = all.hi > 0 ? kCandidates : 1;
  for (size_t l = 0; l < low_candidates; ++l) {
    const double lo = all.lo * (1 - static_cast<double>(l) / kCandidates);
    const size_t first = BinOf(h, lo);
    for (size_t u = 0; u < high_candidates; ++u) {
      const double hi = all.hi * (1 - static_cast<double>(u) / kCandidates);
      const size_t last = std::max(first, BinOf(h, hi));
      const double error = SquaredError(moments, first, last, {lo, hi});
      if (error < least) {
        least = error;
        best = {lo, hi};
      }
    }
  }
  return best;
}

// Divergence of the bins [first, last) with everything outside moved onto the outermost of them,
// from the same bins after quantization to 256 levels (each level spread evenly over those of its
// bins that are not empty).
double Divergence(const Histogram& h, const Moments& moments, size_t first, size_t last) {
  // Empty bins at the ends hold nothing that the mass from outside could be added to.
  size_t lowest = first, highest = last - 1;
  while (highest > lowest && h.bin(highest) == 0) --highest;
  while (lowest < highest && h.bin(lowest) == 0) ++lowest;
  const size_t bins = last - first;
  const double total = moments.below[0].back();
  const double before = moments.below[0][first], after = total - moments.below[0][last];
  double divergence = 0, kept = total;
  constexpr size_t kGroups = 256;
  for (size_t g = 0; g < kGroups; ++g) {
    const size_t begin = first + g * bins / kGroups, end = first + (g + 1) * bins / kGroups;
    double sum = 0, filled = 0;
    for (size_t i = begin; i < end; ++i) {
      sum += static_cast<double>(h.bin(i));
      filled += h.bin(i) != 0 ? 1 : 0;
    }
    if (filled == 0) continue;
    const double q = sum / filled;
    for (size_t i = begin; i < end; ++i) {
      double p = static_cast<double>(h.bin(i));
      if (p == 0) continue;
      if (i == lowest) p += before;
      if (i == highest) p += after;
      divergence += p / kept * std::log(p / q);
    }
  }
  // q sums to what lies inside, p to everything: normalise both.
  const double inside = total - before - after;
  return divergence + std::log(inside / total);
}

// What lies outside a range adds to its outermost bins, and there the divergence cannot see it: of
// a range that holds a single filled bin it is 0. Where values are few (an average over an image,
// 256 of them in a calibration) that is less than the smallest trace of rounding, and the range
// would collapse. So no range is taken that costs more than kMostError times what covering
// everything does.
Range LeastDivergence(const Histogram& h) {
  const Moments moments(h);
  const Range all = MinMax(h);
  Range best = all;
  double least = std::numeric_limits<double>::infinity();
  const double bound = kMostError * SquaredError(moments, 0, Histogram::kBins, all);
  for (size_t c = 0; c < kCandidates; ++c) {
    const double part = 1 - static_cast<double>(c) / kCandidates;
    const Range range{all.lo * part, all.hi * part};
    const size_t first = BinOf(h, range.lo);
    const size_t last = std::min(Histogram::kBins, BinOf(h, range.hi) + 1);
    // Fewer bins than levels say nothing about rounding any more.
    if (last - first < 256 || SquaredError(moments, first, last, range) > bound) break;
    const double divergence = Divergence(h, moments, first, last);
    if (divergence < least) {
      least = divergence;
      best = range;
    }
  }
  return best;
}

}  // namespace

Range ChooseRange(const Histogram& histogram, CalibratorKind kind) {
  if (histogram.empty() || histogram.zeros() == histogram.count()) return {};
  switch (kind) {
    case CalibratorKind::minmax:
    case CalibratorKind::automatic:
      return MinMax(histogram);
    case CalibratorKind::percentile:
      return Percentile(histogram);
    case CalibratorKind::mse:
      return LeastSquares(histogram);
    case CalibratorKind::entropy:
      return LeastDivergence(histogram);
  }
  return MinMax(histogram);
}

Range RangeOf(std::span<const float> values) {
  Range range;
  for (const float x : values) {
    range = Union(range, {static_cast<double>(x), static_cast<double>(x)});
  }
  return range;
}

Range Union(Range a, Range b) { return {std::min(a.lo, b.lo), std::max(a.hi, b.hi)}; }

QuantParams ParamsOf(Range range) {
  const double lo = std::min(range.lo, 0.0), hi = std::max(range.hi, 0.0);
  // Below this a scale would leave the normal floats, as would multipliers made from it.
  if (hi - lo < 1e-30) return {1.0F, 0};
  const double scale = static_cast<double>(static_cast<float>((hi - lo) / kLevels));
  const double zero_point = std::nearbyint(-128 - lo / scale);
  return {static_cast<float>(scale), static_cast<int32_t>(std::clamp(zero_point, -128.0, 127.0))};
}

float WideScaleOf(Range range) {
  constexpr double kHeadroom = 2;
  const auto scale = static_cast<float>(kHeadroom * std::max(-range.lo, range.hi) / kLargestInt16);
  return std::isnormal(scale) ? scale : 1.0F;
}

int32_t QuantizeValue(double x, QuantParams params) {
  const double low = -128 - params.zero_point, high = 127 - params.zero_point;
  const double q = std::clamp(x / static_cast<double>(params.scale), low, high);
  return params.zero_point + static_cast<int32_t>(std::nearbyint(q));
}

std::string_view CalibratorName(CalibratorKind kind) {
  constexpr std::string_view kNames[] = {"minmax", "percentile", "mse", "entropy", "auto"};
  return kNames[static_cast<size_t>(kind)];
}

}  // namespace lutra::converter::quantize
