// Products of 16-bit activations with 8-bit weights, from products of 8 bits.
//
// An integer of 16 bits is 256 * high + low with two signed bytes. The sums of the high and of the
// low bytes are two products as all others are, exact in int32 for the same weights; together
//
//   value = (256 * float(sum of high) + float(sum of low)) * multiplier[n] + bias[n]
//
// with a rounding after each conversion and each operation (256 times a float is exact). The value
// is clamped, and is the output where that is float; of int16 outputs it is rounded half to even.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/shape.h"

namespace lutra::kernels {

/// 256 * 127 + 127: the largest integer whose high byte is one. Inputs of a product count as this
/// where they are larger, and no output is larger in magnitude.
constexpr int32_t kWideLargest = 32639;

/// Element-wise parts. in and out do not overlap.
struct WideKernels {
  /// q = clamp(round_half_even(x / scale), -kWideLargest, kWideLargest), the division exact IEEE,
  /// the clamp before rounding. NaN gives 0.
  void (*quantize)(float scale, View<const float> in, View<int16_t> out, size_t rows, size_t cols);
  /// 256 * high + low = min(q, kWideLargest) for every element, both in -128..127.
  void (*split)(const int16_t* in, int8_t* high, int8_t* low, size_t count);
};

}  // namespace lutra::kernels
