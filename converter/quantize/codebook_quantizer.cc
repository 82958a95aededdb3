#include "converter/quantize/codebook_quantizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "converter/cluster/integer_codebook.h"
#include "converter/quantize/sum_limits.h"
#include "converter/quantize/weight_quantizer.h"

namespace lutra::converter::quantize {
namespace {

constexpr int kTurns = 12;
// A turn that gains less than this part ends the search.
constexpr double kSmallestGain = 1e-3;
// Where the largest entry may lie at first: at the channel's largest weight, or at so many of its
// standard deviations if that is nearer to 0. The turns move it from there.
constexpr double kReaches[] = {std::numeric_limits<double>::infinity(), 6, 4, 2.5};
// 0 is given up where the error falls to this part. Of normally distributed weights 1 bit gains
// more (0.61), 2 bits (0.87) and up less; weights of few values and both signs lose nearly all.
constexpr double kWithoutZero = 0.75;
constexpr int kMostBitsWithoutZero = 4;
// What the bias leaves of an int32 sum.
constexpr double kLargestProducts = 2147483647.0 - kLargestBias;

// The channels first .. last - 1, which share a codebook.
class Group {
 public:
  Group(const WeightMatrix& matrix, std::span<const float> importance, size_t first, size_t last,
        int bits, int highest, bool one_scale)
      : matrix_(matrix),
        importance_(importance),
        first_(first),
        last_(last),
        entries_(size_t{1} << bits),
        highest_(highest),
        one_scale_(one_scale) {}

  struct Result {
    std::vector<int8_t> codebook;
    std::vector<float> scale;  // of each channel of the group
    double error = std::numeric_limits<double>::infinity();
  };

  /// From these scales on. None falls below its least one.
  Result Search(std::vector<float> scale, std::span<const float> least_scale, int turns,
                cluster::ZeroEntry zero) const {
    Result best;
    for (int turn = 0; turn < turns; ++turn) {
      cluster::HalfSteps steps(highest_);
      ForEach(scale, [&](size_t, double w, double s, double h) { steps.Add(w / s, h * s * s); });
      Result next{cluster::BestIntegerCodebook(steps, entries_, zero), scale, 0};
      const cluster::NearestEntry nearest(next.codebook);
      std::vector<double> cross(scale.size()), square(scale.size());
      ForEach(scale, [&](size_t channel, double w, double s, double h) {
        const double q = nearest(w / s);
        cross[channel] += h * w * q;
        square[channel] += h * q * q;
        next.error += h * (w - s * q) * (w - s * q);
      });
      const bool done = next.error > best.error * (1 - kSmallestGain);
      if (next.error < best.error) best = std::move(next);
      if (done) break;
      Fit(cross, square, least_scale, scale);
    }
    return best;
  }

 private:
  // visit(channel of the group, weight, scale, importance)
  template <typename Visit>
  void ForEach(const std::vector<float>& scale, const Visit& visit) const {
    const size_t conv_groups = std::max<size_t>(1, importance_.size() / matrix_.k);
    const size_t per_conv_group = matrix_.n / conv_groups;
    for (size_t n = first_; n < last_; ++n) {
      const float* row = matrix_.values.data() + n * matrix_.k;
      const float* h =
          importance_.empty() ? nullptr : importance_.data() + n / per_conv_group * matrix_.k;
      const double s = static_cast<double>(scale[n - first_]);
      for (size_t k = 0; k < matrix_.k; ++k) {
        visit(n - first_, static_cast<double>(row[k]), s,
              h == nullptr ? 1.0 : static_cast<double>(h[k]));
      }
    }
  }

  // The scale that makes the error least while the entries stay.
  void Fit(std::vector<double>& cross, std::vector<double>& square,
           std::span<const float> least_scale, std::vector<float>& scale) const {
    if (one_scale_) {
      double all_cross = 0, all_square = 0;
      for (size_t c = 0; c < scale.size(); ++c) {
        all_cross += cross[c];
        all_square += square[c];
      }
      std::ranges::fill(cross, all_cross);
      std::ranges::fill(square, all_square);
    }
    for (size_t c = 0; c < scale.size(); ++c) {
      const auto fitted = static_cast<float>(cross[c] / square[c]);
      if (square[c] > 0 && cross[c] > 0 && std::isnormal(fitted)) {
        scale[c] = std::max(fitted, least_scale[c]);
      }
    }
  }

  const WeightMatrix& matrix_;
  std::span<const float> importance_;
  size_t first_, last_, entries_;
  int highest_;
  bool one_scale_;
};

double DeviationOf(const WeightMatrix& matrix, size_t n) {
  double square = 0;
  for (size_t k = 0; k < matrix.k; ++k) {
    const double w = static_cast<double>(matrix.values[n * matrix.k + k]);
    square += w * w;
  }
  return std::sqrt(square / static_cast<double>(matrix.k));
}

// Scales with which the largest entry lies `reach` deviations out, or at the largest weight.
std::vector<float> StartAt(double reach, const std::vector<float>& full_scale, int highest,
                           std::span<const float> least_scale, const std::vector<double>& deviation,
                           bool one_scale) {
  std::vector<float> scale(full_scale.size());
  for (size_t n = 0; n < scale.size(); ++n) {
    const double whole = static_cast<double>(full_scale[n]) * 127 / highest;
    const double cut = deviation[n] > 0 ? reach * deviation[n] / highest : whole;
    scale[n] = std::max(static_cast<float>(std::min(whole, cut)), least_scale[n]);
  }
  if (one_scale) std::ranges::fill(scale, *std::ranges::max_element(scale));
  return scale;
}

}  // namespace

int LargestEntry(int bits) { return bits <= 2 ? 32 : bits <= 4 ? 64 : 127; }

QuantizedWeights QuantizeToCodebook(const WeightMatrix& matrix, const LayerScheme& scheme,
                                    std::span<const float> importance, double input_scale) {
  const bool one_scale = scheme.granularity == Granularity::tensor;
  // Scales of int8: where the whole range fits, and what a bias or a channel of zeros wants.
  LayerScheme linear = scheme;
  linear.kind = WeightKind::linear;
  linear.bits = 8;
  const std::vector<float> full_scale = QuantizeWeights(matrix, linear, input_scale).scale;
  // Very long rows of the largest entries must not pass int32.
  int highest = LargestEntry(scheme.bits);
  if (input_scale > 0) {
    const double most = kLargestProducts / (kActivationSteps * static_cast<double>(matrix.k));
    highest = static_cast<int>(std::clamp(most, 1.0, static_cast<double>(highest)));
  }
  // A table of all integers is int8: its scales clip nothing, and turns would trade the largest
  // weights for a smaller mean error.
  const bool all_integers = (1 << scheme.bits) > 2 * highest;
  std::vector<float> least_scale(matrix.n, 1e-24F);
  std::vector<double> deviation(matrix.n);
  for (size_t n = 0; n < matrix.n; ++n) {
    deviation[n] = DeviationOf(matrix, n);
    if (deviation[n] == 0) {
      least_scale[n] = full_scale[n];
    } else if (input_scale > 0) {
      const double bias = std::fabs(static_cast<double>(matrix.bias[n]));
      least_scale[n] =
          std::max(least_scale[n], static_cast<float>(bias / (input_scale * kLargestBias)));
    }
  }
  if (one_scale) std::ranges::fill(least_scale, *std::ranges::max_element(least_scale));

  const size_t sharing =
      one_scale || scheme.codebook_channels == 0 ? matrix.n : scheme.codebook_channels;
  QuantizedWeights result{.n = matrix.n,
                          .k = matrix.k,
                          .bits = scheme.bits,
                          .values = std::vector<int8_t>(matrix.n * matrix.k),
                          .scale = {},
                          .zero_point = {},
                          .tables = {},
                          .table_channels = sharing};
  for (size_t first = 0; first < matrix.n; first += sharing) {
    const size_t last = std::min(matrix.n, first + sharing);
    const Group group(matrix, importance, first, last, scheme.bits, highest, one_scale);
    const auto search_from = [&](double reach, cluster::ZeroEntry zero) {
      const std::vector<float> start =
          StartAt(reach, full_scale, highest, least_scale, deviation, one_scale);
      const auto at = start.begin() + static_cast<ptrdiff_t>(first);
      return group.Search({at, at + static_cast<ptrdiff_t>(last - first)},
                          std::span(least_scale).subspan(first, last - first),
                          all_integers ? 1 : kTurns, zero);
    };
    Group::Result best;
    for (const double reach : std::span(kReaches).first(all_integers ? 1 : std::size(kReaches))) {
      Group::Result found = search_from(reach, cluster::ZeroEntry::kept);
      if (found.error < best.error) best = std::move(found);
    }
    if (scheme.bits <= kMostBitsWithoutZero && scheme.sparsity == 0) {
      Group::Result found = search_from(kReaches[0], cluster::ZeroEntry::free);
      if (found.error < kWithoutZero * best.error) best = std::move(found);
    }
    const cluster::NearestEntry nearest(best.codebook);
    for (size_t i = first * matrix.k; i < last * matrix.k; ++i) {
      const double s = static_cast<double>(best.scale[i / matrix.k - first]);
      result.values[i] = nearest(static_cast<double>(matrix.values[i]) / s);
    }
    result.scale.insert(result.scale.end(), best.scale.begin(), best.scale.end());
    best.codebook.resize(size_t{1} << scheme.bits, best.codebook.back());
    result.tables.insert(result.tables.end(), best.codebook.begin(), best.codebook.end());
  }
  return result;
}

}  // namespace lutra::converter::quantize
