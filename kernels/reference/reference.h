// The reference row: plain loops over exactly the documented formulas. It defines the bytes that
// every other row must give, and is what remains on a processor that no other row knows.
#pragma once

#include "kernels/row.h"

namespace lutra::kernels {

IntGemmKernels ReferenceIntGemm();
FloatGemmKernels ReferenceFloatGemm();
IntDepthwiseKernels ReferenceIntDepthwise();
FloatDepthwiseKernels ReferenceFloatDepthwise();
WideKernels ReferenceWide();
ElementwiseKernels ReferenceElementwise();
PoolKernels ReferencePool();
ReduceKernels ReferenceReduce();
ResizeKernels ReferenceResize();
SoftmaxKernels ReferenceSoftmax();

/// The end of the one requantization rule of docs/quantization.md: x is the real value in units of
/// the output's scale. The clamp comes first, so the rounding sees |x| <= 510 and adding and
/// subtracting 1.5 * 2^23 rounds half to even without the C library.
inline int8_t RequantizeReal(float x, const OutputQuant& output) {
  const auto lo = static_cast<float>(output.lo - output.zero_point);
  const auto hi = static_cast<float>(output.hi - output.zero_point);
  x = x < lo ? lo : x;
  x = x > hi ? hi : x;
  constexpr float kRound = 12582912.0F;
  return static_cast<int8_t>(output.zero_point + static_cast<int32_t>((x + kRound) - kRound));
}

inline int8_t Requantize(int32_t acc, float multiplier, const OutputQuant& output) {
  return RequantizeReal(static_cast<float>(acc) * multiplier, output);
}

/// By a curve (curve.h); `factor` is 1 without factors.
inline int8_t RequantizeByCurve(int32_t acc, float multiplier, float factor, const Curve& curve,
                                const OutputQuant& output) {
  const float t = static_cast<float>(acc) * multiplier + curve.offset;
  constexpr float kRound = 8388608.0F, kLast = kCurvePieces - 1;
  const float low = t < 0.0F ? 0.0F : t;
  const float center = ((low > kLast ? kLast : low) + kRound) - kRound;
  const float* c = curve.coefficients + static_cast<size_t>(center);
  const float u = t - center;
  float y = c[kCurveDegree * kCurvePieces];
  for (size_t power = kCurveDegree; power-- > 0;) y = y * u + c[power * kCurvePieces];
  return RequantizeReal(y * factor, output);
}

/// The sum of channel n of a product, by the problem's curve if it has one.
inline int8_t RequantizeSum(int32_t acc, const IntWeights& weights, size_t n, const Curve& curve,
                            const OutputQuant& output) {
  if (curve.coefficients == nullptr) return Requantize(acc, weights.scale[n], output);
  const float factor = curve.factors ? weights.factor[n] : 1.0F;
  return RequantizeByCurve(acc, weights.scale[n], factor, curve, output);
}

/// `quotient` is x / scale; NaN gives the zero point.
inline int8_t QuantizeReal(float quotient, int32_t zero_point) {
  return RequantizeReal(quotient != quotient ? 0.0F : quotient, {zero_point, -128, 127});
}

/// Dynamic quantization of a row whose values and 0 span [lo, hi]; lo <= 0 <= hi.
struct RowQuant {
  float scale;
  int32_t zero_point;
};
inline RowQuant QuantOfRange(float lo, float hi) {
  const float scale = (hi - lo) / 255.0F;
  if (scale == 0.0F) return {1.0F, 0};
  return {scale, QuantizeReal(-128.0F - lo / scale, 0)};
}

inline float Clamp(float x, const FloatClamp& clamp) {
  x = x < clamp.lo ? clamp.lo : x;
  return x > clamp.hi ? clamp.hi : x;
}

/// The last step of a wide product (wide.h): element `at` of out, which holds int16 or float.
inline void StoreWide(float value, const FloatClamp& clamp, bool to_int16, void* out, size_t at) {
  value = Clamp(value, clamp);
  if (!to_int16) {
    static_cast<float*>(out)[at] = value;
    return;
  }
  constexpr float kLargest = kWideLargest, kRound = 12582912.0F;
  value = Clamp(value, {-kLargest, kLargest});
  static_cast<int16_t*>(out)[at] = static_cast<int16_t>((value + kRound) - kRound);
}

}  // namespace lutra::kernels
