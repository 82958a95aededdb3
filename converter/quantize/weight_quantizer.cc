#include "converter/quantize/weight_quantizer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "converter/linear_level.h"
#include "converter/quantize/sum_limits.h"

namespace lutra::converter::quantize {
namespace {

// Keeps every multiplier made from a weight scale a normal float.
constexpr double kSmallestScale = 1e-24;

struct ChannelRange {
  double lo = 0, hi = 0, bias = 0;
};

struct ChannelParams {
  double scale = 1;
  int zero_point = 0;
};

// `largest_factor`: what the largest of the channel's groups will multiply the scale by.
ChannelParams ParamsFor(ChannelRange range, LinearLevels levels, bool asymmetric,
                        double input_scale, int largest_factor) {
  const double magnitude = std::max(-range.lo, range.hi);
  double scale = asymmetric ? (range.hi - range.lo) / (levels.highest - levels.lowest)
                            : magnitude / levels.highest / largest_factor;
  const double bias_unit = input_scale > 0 ? range.bias / input_scale : 0;
  if (scale < kSmallestScale) scale = bias_unit > 0 ? bias_unit / (1 << 23) : 1;
  scale = std::max({scale, bias_unit / kLargestBias, kSmallestScale});
  // What the file stores is a float: the integers belong to it, not to the exact quotient.
  scale = static_cast<double>(static_cast<float>(scale));
  int zero_point = 0;
  if (asymmetric) {
    const double exact = std::nearbyint(levels.lowest - range.lo / scale);
    zero_point = static_cast<int>(
        std::clamp(exact, static_cast<double>(levels.lowest), static_cast<double>(levels.highest)));
  }
  return {scale, zero_point};
}

// One output channel. Without groups, `group` is all of it and there are no scales of groups.
struct Row {
  std::span<const float> real;
  size_t group;
  std::span<int8_t> values;
  std::span<uint8_t> group_scale;
};

constexpr int kLargestGroupScale = 255;

// A group's scale may fall short by as much as the rounding of the row's to a float comes to.
constexpr double kWithoutRounding = 1 - 0x1p-22;

// The least multiple of `scale` with which no weight lies beyond the highest level.
int GroupScaleFor(std::span<const float> group, double scale, LinearLevels levels) {
  double magnitude = 0;
  for (const float w : group) magnitude = std::max(magnitude, std::fabs(static_cast<double>(w)));
  const double wanted = std::ceil(magnitude / levels.highest / scale * kWithoutRounding);
  return static_cast<int>(std::clamp(wanted, 1.0, static_cast<double>(kLargestGroupScale)));
}

void QuantizeRow(ChannelParams params, LinearLevels levels, const Row& row) {
  for (size_t begin = 0; begin < row.real.size(); begin += row.group) {
    const size_t end = std::min(begin + row.group, row.real.size());
    double scale = params.scale;
    if (!row.group_scale.empty()) {
      const int factor = GroupScaleFor(row.real.subspan(begin, end - begin), scale, levels);
      row.group_scale[begin / row.group] = static_cast<uint8_t>(factor);
      scale *= factor;
    }
    for (size_t k = begin; k < end; ++k) {
      row.values[k] = static_cast<int8_t>(
          NearestLevel(static_cast<double>(row.real[k]), scale, params.zero_point, levels));
    }
  }
}

double LargestSum(const Row& row, int zero_point) {
  double sum = 0;
  for (size_t k = 0; k < row.values.size(); ++k) {
    const int factor = row.group_scale.empty() ? 1 : row.group_scale[k / row.group];
    sum += std::abs(row.values[k] - zero_point) * factor;
  }
  return sum * kActivationSteps;
}

}  // namespace

QuantizedWeights QuantizeWeights(const WeightMatrix& matrix, const LayerScheme& scheme,
                                 double input_scale) {
  const LinearLevels levels = LevelsOf(scheme.bits, scheme.asymmetric);
  std::vector<ChannelRange> ranges(matrix.n);
  for (size_t n = 0; n < matrix.n; ++n) {
    const std::span<const float> row(matrix.values.data() + n * matrix.k, matrix.k);
    for (const float w : row) {
      ranges[n].lo = std::min(ranges[n].lo, static_cast<double>(w));
      ranges[n].hi = std::max(ranges[n].hi, static_cast<double>(w));
    }
    ranges[n].bias = std::fabs(static_cast<double>(matrix.bias[n]));
  }
  if (scheme.granularity == Granularity::tensor) {
    ChannelRange all;
    for (const ChannelRange& r : ranges) {
      all = {std::min(all.lo, r.lo), std::max(all.hi, r.hi), std::max(all.bias, r.bias)};
    }
    ranges.assign(matrix.n, all);
  }

  QuantizedWeights result{.n = matrix.n,
                          .k = matrix.k,
                          .bits = scheme.bits,
                          .values = std::vector<int8_t>(matrix.n * matrix.k),
                          .scale = std::vector<float>(matrix.n),
                          .zero_point = {}};
  const bool groups = scheme.granularity == Granularity::group;
  const size_t group = groups ? scheme.group : matrix.k;
  const size_t per_row = groups ? (matrix.k + group - 1) / group : 0;
  if (groups) {
    result.group = group;
    result.group_scale.resize(matrix.n * per_row);
  }
  if (scheme.asymmetric) result.zero_point.resize(matrix.n);
  for (size_t n = 0; n < matrix.n; ++n) {
    const Row row{std::span(matrix.values).subspan(n * matrix.k, matrix.k), group,
                  std::span(result.values).subspan(n * matrix.k, matrix.k),
                  std::span(result.group_scale).subspan(n * per_row, per_row)};
    ChannelParams params = ParamsFor(ranges[n], levels, scheme.asymmetric, input_scale,
                                     groups ? kLargestGroupScale : 1);
    QuantizeRow(params, levels, row);
    // Very long rows: coarser steps until the sum provably fits.
    const auto too_large = [&] {
      return LargestSum(row, params.zero_point) + kLargestBias >=
             std::numeric_limits<int32_t>::max();
    };
    while ((input_scale > 0 || groups) && too_large()) {
      params.scale = static_cast<double>(static_cast<float>(params.scale * 1.25));
      if (scheme.asymmetric) {
        params.zero_point =
            static_cast<int>(std::nearbyint(levels.lowest - ranges[n].lo / params.scale));
      }
      QuantizeRow(params, levels, row);
    }
    result.scale[n] = static_cast<float>(params.scale);
    if (scheme.asymmetric) result.zero_point[n] = static_cast<int8_t>(params.zero_point);
  }
  return result;
}

std::vector<float> Dequantize(const QuantizedWeights& weights) {
  std::vector<float> real(weights.values.size());
  for (size_t n = 0; n < weights.n; ++n) {
    for (size_t k = 0; k < weights.k; ++k) {
      const size_t i = n * weights.k + k;
      real[i] =
          weights.ScaleAt(n, k) * static_cast<float>(weights.values[i] - weights.ZeroPoint(n));
    }
  }
  return real;
}

std::vector<int32_t> QuantizeBias(const std::vector<float>& bias, double input_scale,
                                  const std::vector<float>& scale) {
  std::vector<int32_t> result(bias.size());
  for (size_t n = 0; n < bias.size(); ++n) {
    const double q = static_cast<double>(bias[n]) / (input_scale * static_cast<double>(scale[n]));
    result[n] = static_cast<int32_t>(std::nearbyint(std::clamp(q, -2147483647.0, 2147483647.0)));
  }
  return result;
}

}  // namespace lutra::converter::quantize
