// Packed matrix multiplication, the engine of Conv, Linear and MatMul.
//
//   out[m][n] = epilogue(sum over k of (a[m][k] - a_zero_point) * (w[n][k] - w_zero_point[n]))
//
// The left operand is a dense matrix or the implicit im2col matrix of a convolution, of which only
// the panel in work is ever copied (row by row, into the thread's scratch, in the form the row's
// dot primitive wants: flipped to unsigned, widened, padded). The right operand is packed once.
// Integer sums are taken modulo 2^32; the caller has proved that the final sum fits int32.
//
// Life: fill a GemmProblem, `plan` it for a number of threads (this chooses the blocking), keep it;
// then `run` every task of [0, tasks) in any order, on any thread, each with its own scratch.
#pragma once

#include "kernels/shape.h"

namespace lutra::kernels {

/// Where the left operand's rows come from.
enum class LeftKind : uint8_t {
  dense,    ///< [m][k], rows left_stride apart
  patches,  ///< k = kernel_h * kernel_w * channels_per_group, m = batch * out_h * out_w
};

enum class Epilogue : uint8_t {
  /// int8: requantize(acc + bias[n], multiplier[n], output).
  requantize,
  /// float: float(acc) * (row_scale[m] * scale[n]), then + bias[n], as separate roundings; the
  /// zero point of row m is row_zero_point[m] (dynamic quantization). Then clamp. Dense only.
  dynamic,
  /// int32: acc + bias[n], for tests and for products that need no scale.
  raw,
};

/// The right operand before packing: element (n, k) at values[n * stride_n + k * stride_k].
struct IntWeights {
  size_t n = 0, k = 0;
  const int8_t* values = nullptr;
  size_t stride_n = 0, stride_k = 1;
  const int8_t* zero_points = nullptr;  ///< [n]; null: all zero
  const int32_t* bias = nullptr;        ///< [n], requantize and raw; null: all zero
  const float* scale = nullptr;         ///< [n], multiplier (requantize) or weight scale (dynamic)
  const float* float_bias = nullptr;    ///< [n], dynamic; null: all zero
  int32_t left_zero_point = 0;          ///< of the left operand; 0 for dynamic
};

struct GemmProblem {
  size_t m = 0, n = 0, k = 0;  ///< of one group
  size_t groups = 1;           ///< group g reads input channels [g * c, (g + 1) * c)
  LeftKind left = LeftKind::dense;
  size_t left_stride = 0;  ///< dense
  Window window;           ///< patches
  size_t channels = 0;     ///< patches: input channels per group
  size_t out_stride = 0;   ///< elements between output rows (patches: out_pixel_stride)
  Epilogue epilogue = Epilogue::requantize;
  bool weight_zero_points = false;
  int32_t left_zero_point = 0;
  OutputQuant output;
  FloatClamp clamp;

  // Set by plan().
  size_t rows_per_task = 0, channels_per_task = 0;
  size_t tasks = 0;
  size_t scratch_bytes = 0;  ///< per thread, aligned to 64
};

/// What changes from run to run.
struct GemmOperands {
  const void* left = nullptr;        ///< int8_t, or float for the float kernels
  const void* packed = nullptr;      ///< groups after one another, each packed_bytes(n, k)
  void* out = nullptr;               ///< int8_t, int32_t or float by the epilogue; [m][groups * n]
  const float* row_scale = nullptr;  ///< [m], dynamic
  const int32_t* row_zero_point = nullptr;  ///< [m], dynamic
};

struct IntGemmKernels {
  /// Size of one packed group, a multiple of 64, and the packing (to memory aligned to 64).
  size_t (*packed_bytes)(size_t n, size_t k);
  void (*pack)(const IntWeights& weights, void* packed);
  void (*plan)(GemmProblem& problem, size_t threads);
  void (*run)(const GemmProblem& problem, const GemmOperands& operands, size_t task, void* scratch);
};

/// Float: out = clamp(sum_k + bias[n]); the sum starts at +0 and adds a * w in k order, each
/// product and each sum rounded on its own (never fused); padding reads +0.
struct FloatWeights {
  size_t n = 0, k = 0;
  const float* values = nullptr;
  size_t stride_n = 0, stride_k = 1;
  const float* bias = nullptr;  ///< [n]; null: all zero
};

struct FloatGemmKernels {
  size_t (*packed_bytes)(size_t n, size_t k);
  void (*pack)(const FloatWeights& weights, void* packed);
  void (*plan)(GemmProblem& problem, size_t threads);
  void (*run)(const GemmProblem& problem, const GemmOperands& operands, size_t task, void* scratch);
};

}  // namespace lutra::kernels
