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

#include "kernels/curve.h"
#include "kernels/shape.h"

namespace lutra::kernels {

/// Where the left operand's rows come from.
enum class LeftKind : uint8_t {
  dense,    ///< [m][k], rows left_stride apart
  patches,  ///< k = kernel_h * kernel_w * channels_per_group, m = batch * out_h * out_w
};

enum class Epilogue : uint8_t {
  /// int8: requantize(acc + bias[n], multiplier[n], output), or by a curve.
  requantize,
  /// float: float(acc) * (row_scale[m] * scale[n]), then + bias[n], as separate roundings; the
  /// zero point of row m is row_zero_point[m] (dynamic quantization). Then clamp. Dense only.
  dynamic,
  /// int32: acc + bias[n], for tests, and for what a wide product is made of.
  raw,
  /// float, or int16: the second half of a product with a left operand of 16 bits (wide.h), whose
  /// low bytes are the left operand here; GemmOperands::high has the sums of the high ones.
  wide,
};

/// How weights are kept: as int8, or as codes of 1 to 7 bits, which become int8 only in registers
/// or in a block of the thread's scratch (codes.h); or, of either, as int8 without blocks of zeros
/// (sparse.h).
struct WeightForm {
  bool coded() const { return bits != 8; }
  bool sparse() const { return blocks != 0; }
  bool one_by_one() const { return table_channels == 1; }
  size_t bits = 8;
  /// Channels that share a table, a multiple of 16; 0: all. Or 1, where tables that begin elsewhere
  /// have been repeated for each channel: such codes are read one at a time.
  size_t table_channels = 0;
  /// Elements of a row that share a factor, a multiple of 32 (the last run of a row may be
  /// shorter); 0: there are none. Dense products of two's complement codes of 4 bits only.
  size_t run = 0;
  int32_t largest = 128;  ///< no weight is larger in magnitude, nor any entry of a table
  /// Block-sparse (weights without zero points, of at most kMostSparseK k): the blocks that a
  /// group keeps, the most of all groups; 0: all weights are kept.
  size_t blocks = 0;
};

/// The right operand before packing: element (n, k) is values[n * stride_n + k * stride_k], or what
/// code first_code + n * k_of_all + k says; k_of_all is the member k.
struct IntWeights {
  size_t n = 0, k = 0;
  WeightForm form = {};
  const int8_t* values = nullptr;  ///< int8
  size_t stride_n = 0, stride_k = 1;
  const uint8_t* codes = nullptr;  ///< coded, least significant bit first, [n][k]
  size_t first_code = 0;
  const int8_t* tables = nullptr;    ///< coded: 2^bits entries each; null: codes are the integers
  const uint8_t* factors = nullptr;  ///< [n][runs of k]: what multiplies the weights of a run
  const int8_t* zero_points = nullptr;  ///< [n]; null: all zero
  const int32_t* bias = nullptr;        ///< [n], requantize and raw; null: all zero
  /// [n], multiplier (requantize, wide) or weight scale (dynamic)
  const float* scale = nullptr;
  const float* float_bias = nullptr;  ///< [n], dynamic and wide; null: all zero
  const float* factor = nullptr;      ///< [n], requantize by a curve with factors
  int32_t left_zero_point = 0;        ///< of the left operand; 0 for dynamic
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
  WeightForm form = {};  ///< integer products
  bool weight_zero_points = false;
  int32_t left_zero_point = 0;
  OutputQuant output;
  Curve curve;            ///< requantize
  FloatClamp clamp;       ///< float outputs, and int16
  bool to_int16 = false;  ///< wide

  // Set by plan().
  size_t rows_per_task = 0, channels_per_task = 0;
  size_t tasks = 0;
  size_t scratch_bytes = 0;  ///< per thread, aligned to 64
};

/// What changes from run to run.
struct GemmOperands {
  const void* left = nullptr;    ///< int8_t, or float for the float kernels
  const void* packed = nullptr;  ///< groups after one another, each packed_bytes(n, k, form)
  void* out = nullptr;  ///< int8_t, int16_t, int32_t or float by the epilogue; [m][groups * n]
  const float* row_scale = nullptr;         ///< [m], dynamic
  const int32_t* row_zero_point = nullptr;  ///< [m], dynamic
  const int32_t* high = nullptr;            ///< [m][groups * n], dense: wide
};

struct IntGemmKernels {
  /// Size of one packed group, a multiple of 64, and the packing (to memory aligned to 64).
  size_t (*packed_bytes)(size_t n, size_t k, const WeightForm& form);
  void (*pack)(const IntWeights& weights, void* packed);
  void (*plan)(GemmProblem& problem, size_t threads);
  void (*run)(const GemmProblem& problem, const GemmOperands& operands, size_t task, void* scratch);
  /// A form's `blocks` is looked at; else weights of such a form are kept and multiplied whole.
  bool skips_blocks = false;
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
