// The float functions that are not worth a vector: powers, and the reduction of huge angles. One
// implementation for every row, in double or integer arithmetic, without libm.
#pragma once

#include <cstdint>

namespace lutra::kernels {

/// a to the power b, computed as 2^(b * log2(a)) in double and rounded once: within 0.51 ulp.
/// Special values as C11 pow (annex F.10.4.4), signed zeros and infinities included.
float Pow(float a, float b);

/// x = quadrant * pi / 2 + angle modulo 2 pi, |angle| <= pi / 4, for any finite |x| >= 4096; the
/// angle is exact to 2^-36. Payne and Hanek, "Radian reduction for trigonometric functions", 1983.
struct ReducedAngle {
  float angle;
  int32_t quadrant;  ///< 0 .. 3
};
ReducedAngle ReduceHugeAngle(float x);

}  // namespace lutra::kernels
