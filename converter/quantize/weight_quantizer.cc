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

ChannelParams ParamsFor(ChannelRange range, LinearLevels levels, bool asymmetric,
                        double input_scale) {
  const double magnitude = std::max(-range.lo, range.hi);
  double scale = asymmetric ? (range.hi - range.lo) / (levels.highest - levels.lowest)
                            : magnitude / levels.highest;
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

void QuantizeRow(std::span<const float> row, ChannelParams params, LinearLevels levels,
                 int8_t* out) {
  for (size_t k = 0; k < row.size(); ++k) {
    out[k] = static_cast<int8_t>(
        NearestLevel(static_cast<double>(row[k]), params.scale, params.zero_point, levels));
  }
}

double LargestSum(std::span<const int8_t> row, int zero_point) {
  double sum = 0;
  for (const int8_t q : row) sum += std::abs(q - zero_point);
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
  if (scheme.asymmetric) result.zero_point.resize(matrix.n);
  for (size_t n = 0; n < matrix.n; ++n) {
    const std::span<const float> row(matrix.values.data() + n * matrix.k, matrix.k);
    int8_t* out = result.values.data() + n * matrix.k;
    ChannelParams params = ParamsFor(ranges[n], levels, scheme.asymmetric, input_scale);
    QuantizeRow(row, params, levels, out);
    // Very long rows: coarser steps until the sum provably fits.
    const auto too_large = [&] {
      return LargestSum({out, matrix.k}, params.zero_point) + kLargestBias >=
             std::numeric_limits<int32_t>::max();
    };
    while (input_scale > 0 && too_large()) {
      params.scale = static_cast<double>(static_cast<float>(params.scale * 1.25));
      if (scheme.asymmetric) {
        params.zero_point =
            static_cast<int>(std::nearbyint(levels.lowest - ranges[n].lo / params.scale));
      }
      QuantizeRow(row, params, levels, out);
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
