// The reference row: plain loops over exactly the documented formulas. It defines the bytes that
// every other row must give, and is what remains on a processor that no other row knows.
#pragma once

#include "kernels/row.h"

namespace lutra::kernels {

IntGemmKernels ReferenceIntGemm();
FloatGemmKernels ReferenceFloatGemm();
IntDepthwiseKernels ReferenceIntDepthwise();
FloatDepthwiseKernels ReferenceFloatDepthwise();
ElementwiseKernels ReferenceElementwise();
ReduceKernels ReferenceReduce();

/// The one requantization rule of docs/quantization.md. The clamp comes first, so the rounding sees
/// |x| <= 510 and adding and subtracting 1.5 * 2^23 rounds half to even without the C library.
inline int8_t Requantize(int32_t acc, float multiplier, const OutputQuant& output) {
  const auto lo = static_cast<float>(output.lo - output.zero_point);
  const auto hi = static_cast<float>(output.hi - output.zero_point);
  float x = static_cast<float>(acc) * multiplier;
  x = x < lo ? lo : x;
  x = x > hi ? hi : x;
  constexpr float kRound = 12582912.0F;
  return static_cast<int8_t>(output.zero_point + static_cast<int32_t>((x + kRound) - kRound));
}

inline float Clamp(float x, const FloatClamp& clamp) {
  x = x < clamp.lo ? clamp.lo : x;
  return x > clamp.hi ? clamp.hi : x;
}

}  // namespace lutra::kernels
