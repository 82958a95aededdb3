// A function of one number in eight pieces, by which a product's sums become the values of the
// activation function behind it without being rounded to 8 bits in between
// (docs/quantization.md#curves has the formula, and how the converter fits the pieces).
#pragma once

#include <cstddef>

namespace lutra::kernels {

/// Pieces of a curve: polynomials around t = 0 .. 7, each up to half a step to both sides, the
/// first and the last for all that lies beyond.
constexpr size_t kCurvePieces = 8;
constexpr size_t kCurveDegree = 4;
constexpr size_t kCurveCoefficients = (kCurveDegree + 1) * kCurvePieces;

/// t = float(acc) * multiplier[n] + offset, i = rne(clamp(t, 0, 7)), u = t - i,
/// y = (((c[4][i] * u + c[3][i]) * u + c[2][i]) * u + c[1][i]) * u + c[0][i], each operation
/// rounded on its own; then y * factor[n] is clamped and rounded as the requantization rule does.
struct Curve {
  const float* coefficients = nullptr;  ///< [power][piece], lowest power first; null: no curve
  float offset = 0;
  bool factors = false;  ///< IntWeights::factor; without it there is no product by it
};

}  // namespace lutra::kernels
