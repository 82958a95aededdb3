// The primitives of float_functions-inl.h on plain floats, and the functions themselves for the
// reference row.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/elementwise.h"
#include "kernels/float_scalar.h"

namespace lutra::kernels::reference {

struct FloatLane {
  using V = float;

  static float Set(float x) { return x; }
  static float Add(float a, float b) { return a + b; }
  static float Sub(float a, float b) { return a - b; }
  static float Mul(float a, float b) { return a * b; }
  static float Div(float a, float b) { return a / b; }
  static float Sqrt(float a) { return __builtin_sqrtf(a); }
  static bool Lt(float a, float b) { return a < b; }
  static bool Eq(float a, float b) { return a == b; }
  static bool IsNaN(float a) { return a != a; }
  static bool AnyLt(float a, float b) { return a < b; }
  static float If(bool condition, float yes, float no) { return condition ? yes : no; }

  static uint32_t Bits(float a) { return std::bit_cast<uint32_t>(a); }
  static float Abs(float a) { return std::bit_cast<float>(Bits(a) & 0x7FFFFFFF); }
  static float Neg(float a) { return std::bit_cast<float>(Bits(a) ^ 0x80000000); }
  static float CopySign(float magnitude, float sign) {
    return std::bit_cast<float>((Bits(magnitude) & 0x7FFFFFFF) | (Bits(sign) & 0x80000000));
  }

  /// Half to even; from 2^23 on every float is an integer.
  static float Round(float a) {
    const float magnitude = Abs(a);
    if (!(magnitude < 8388608.0F)) return a;
    return CopySign((magnitude + 8388608.0F) - 8388608.0F, a);
  }
  static float Floor(float a) {
    const float rounded = Round(a);
    return CopySign(rounded > a ? rounded - 1.0F : rounded, a);
  }

  /// 2^n for an integer -126 <= n <= 127.
  static float Pow2(float n) {
    return std::bit_cast<float>(static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23);
  }

  /// x = mantissa * 2^result, mantissa in [sqrt(1/2), sqrt(2)); x positive and normal.
  static float Split(float x, float& mantissa) {
    const auto bits = std::bit_cast<int32_t>(x);
    const int32_t exponent = (bits - 0x3F3504F3) >> 23;
    mantissa = std::bit_cast<float>(bits - exponent * (1 << 23));
    return static_cast<float>(exponent);
  }

  template <class Function>
  static void ForEach(float x, float& a, float& b, Function function) {
    function(x, a, b);
  }
};

#include "kernels/float_functions-inl.h"

using Functions = FloatFunctions<FloatLane>;

}  // namespace lutra::kernels::reference
