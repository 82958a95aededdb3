// Element by element, on rows x cols views; callers split rows over threads.
#pragma once

#include "kernels/shape.h"

namespace lutra::kernels {

/// add: acc = (a - za) * ma + (b - zb) * mb (sub: mb negative); mul: acc = (a - za) * (b - zb).
/// The result is requantize(acc, multiplier, output).
struct IntBinary {
  bool is_mul = false;
  int32_t zero_point_a = 0, zero_point_b = 0;
  int32_t multiplier_a = 0, multiplier_b = 0;
  float multiplier = 1.0F;
  OutputQuant output;
};

enum class FloatBinaryKind : uint8_t { add, sub, mul, div, min, max, pow };

/// In the order of schema UnaryKind, which the runtime checks.
#define LUTRA_FLOAT_UNARY_KINDS(KIND) \
  KIND(relu)                          \
  KIND(leaky_relu)                    \
  KIND(sigmoid)                       \
  KIND(tanh)                          \
  KIND(silu)                          \
  KIND(hard_swish)                    \
  KIND(hard_sigmoid)                  \
  KIND(gelu)                          \
  KIND(gelu_tanh)                     \
  KIND(elu)                           \
  KIND(selu)                          \
  KIND(celu)                          \
  KIND(softplus)                      \
  KIND(softsign)                      \
  KIND(mish)                          \
  KIND(exp)                           \
  KIND(log)                           \
  KIND(sqrt)                          \
  KIND(reciprocal)                    \
  KIND(abs)                           \
  KIND(neg)                           \
  KIND(floor)                         \
  KIND(ceil)                          \
  KIND(round)                         \
  KIND(sign)                          \
  KIND(erf)                           \
  KIND(sin)                           \
  KIND(cos)                           \
  KIND(clip)                          \
  KIND(prelu)                         \
  KIND(square)                        \
  KIND(identity)                      \
  KIND(rsqrt)                         \
  KIND(thresholded_relu)              \
  KIND(log_sigmoid)                   \
  KIND(swish)

enum class FloatUnaryKind : uint8_t {
#define LUTRA_KIND(name) name,
  LUTRA_FLOAT_UNARY_KINDS(LUTRA_KIND)
#undef LUTRA_KIND
};

/// Outputs have col_step 1. An output may be one of the inputs if both are the same view; other
/// overlaps are not allowed. At most the elements of the views are read or written.
struct ElementwiseKernels {
  void (*int_binary)(const IntBinary& p, View<const int8_t> a, View<const int8_t> b,
                     View<int8_t> out, size_t rows, size_t cols);
  /// out = table[q + 128].
  void (*table)(const int8_t* table, View<const int8_t> in, View<int8_t> out, size_t rows,
                size_t cols);
  /// requantize(q - zero_point_in, multiplier, output).
  void (*requantize)(int32_t zero_point_in, float multiplier, OutputQuant output,
                     View<const int8_t> in, View<int8_t> out, size_t rows, size_t cols);
  /// q = clamp(round_half_even(x / scale) + zero_point, -128, 127), the division exact IEEE, the
  /// clamp before rounding as in the rule. NaN gives the zero point.
  void (*quantize)(float scale, int32_t zero_point, View<const float> in, View<int8_t> out,
                   size_t rows, size_t cols);
  /// x = scale * float(q - zero_point).
  void (*dequantize)(float scale, int32_t zero_point, View<const int8_t> in, View<float> out,
                     size_t rows, size_t cols);
  /// Dynamic quantization of each row over its own range, which always includes 0:
  /// scale = (max - min) / 255, zero_point = round_half_even(-128 - min / scale) clamped; a row
  /// of equal zeros has scale 1 and zero point 0. out is dense [rows][cols].
  void (*quantize_rows)(View<const float> in, int8_t* out, float* scale, int32_t* zero_point,
                        size_t rows, size_t cols);

  void (*float_binary)(FloatBinaryKind kind, FloatClamp clamp, View<const float> a,
                       View<const float> b, View<float> out, size_t rows, size_t cols);
  /// No libm: range reduction and a polynomial of our own, documented in the source with its
  /// error bound; the same bits on every row. slope: prelu only, one value per column.
  void (*float_unary)(FloatUnaryKind kind, float alpha, float beta, const float* slope,
                      View<const float> in, View<float> out, size_t rows, size_t cols);
};

}  // namespace lutra::kernels
