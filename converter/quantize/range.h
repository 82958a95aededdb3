// From a histogram to the range that int8 shall cover: the calibrators.
//
//   minmax      everything seen
//   percentile  all but the 0.01 % outermost values of each side; exact zeros do not count
//   mse         least mean squared error: clipping error against rounding error step^2 / 12
//   auto        minmax, mse or percentile for each value: the one whose error its readers see least
//               (range_trials.h)
//   entropy     least Kullback-Leibler divergence between the values and their quantized form
//               (Migacz, "8-bit inference with TensorRT", GTC 2017), but never ten times the
//               squared error of minmax
#pragma once

#include <span>
#include <string_view>

#include "converter/quantize/histogram.h"
#include "converter/quantize/quantization.h"

namespace lutra::converter::quantize {

/// Real values lo <= 0 <= hi.
struct Range {
  double lo = 0, hi = 0;
};

/// Of auto the one that it begins with, minmax.
Range ChooseRange(const Histogram& histogram, CalibratorKind kind);

/// Of finite values, and 0.
Range RangeOf(std::span<const float> values);

/// Smallest range that holds both.
Range Union(Range a, Range b);

/// 256 levels over the range, asymmetric: the zero point is exact, a range with lo = 0 has zero
/// point -128. A range of nothing but 0 gets scale 1 and zero point 0.
QuantParams ParamsOf(Range range);

/// Of int16, symmetric: twice the range, for a bit of sixteen is a small price for data that
/// calibration has not seen. A range of nothing but 0 gets scale 1.
float WideScaleOf(Range range);

/// The integer that represents x: clamp(round_half_even(x / scale) + zero_point, -128, 127).
int32_t QuantizeValue(double x, QuantParams params);

std::string_view CalibratorName(CalibratorKind kind);  ///< "minmax"

}  // namespace lutra::converter::quantize
