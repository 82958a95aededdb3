// Pooling, reductions, softmax and resize.
#pragma once

#include "kernels/shape.h"

namespace lutra::kernels {

/// Rows of the output image (batch * out_h) are the unit of work. Positions outside the image
/// never count in a maximum; in an average they count only with count_include_pad (and then only
/// inside the padded image, whose extent is [-pad_top, in_h + pad_bottom) x
/// [-pad_left, in_w + pad_right)). A window without taps gives the lowest value (maximum) or 0
/// (average). Integer maxima are clamped to output.lo .. hi. Float averages add the taps in
/// row-major order to +0 and divide once; float maxima keep NaN.
struct PoolProblem {
  Window window;
  size_t channels = 0;
  bool count_include_pad = false;
  int32_t pad_bottom = 0, pad_right = 0;
  /// int8 average: multiplier_by_count[count], entries for 1 .. kernel_h * kernel_w.
  const float* multiplier_by_count = nullptr;
  int32_t zero_point_in = 0;
  OutputQuant output;
};

enum class ReduceKind : uint8_t { mean, sum, max, min, prod, l2 };

/// in [outer][reduced][inner] dense -> out [outer][inner]. int8 mean and sum:
/// requantize(sum of (q - zero_point_in), multiplier, output), max: the maximum clamped to
/// output.lo .. hi; no other kind in int8. float: every kind over
/// 16 virtual lanes (element i goes to lane i % 16) joined by the tree lane[j] += lane[j + 8],
/// then + 4, + 2, + 1; mean divides once; l2 takes the square root of the sum of squares.
struct ReduceProblem {
  ReduceKind kind = ReduceKind::mean;
  size_t outer = 1, reduced = 1, inner = 1;
  int32_t zero_point_in = 0;
  float multiplier = 1.0F;
  OutputQuant output;
};

/// Weights in units of 1/2048: out = in[source] * (2048 - weight) + in[source + 1] * weight per
/// axis; with weight 0 the second position is not read.
struct ResizeProblem {
  size_t batch = 1, channels = 0;
  int32_t in_h = 1, in_w = 1, out_h = 1, out_w = 1;
  size_t in_pixel_stride = 0, out_pixel_stride = 0;
  const uint16_t* source_h = nullptr;  ///< [out_h]
  const uint16_t* source_w = nullptr;  ///< [out_w]
  const uint16_t* weight_h = nullptr;  ///< [out_h]; null for nearest
  const uint16_t* weight_w = nullptr;  ///< [out_w]; null for nearest
  int32_t zero_point_in = 0;           ///< int8 linear: requantize(sum, multiplier, output)
  float multiplier = 1.0F;
  OutputQuant output;
};

/// Inputs and outputs do not overlap, but for softmax, which may write over its input.
struct ReduceKernels {
  void (*max_pool_int)(const PoolProblem& p, const int8_t* in, int8_t* out, size_t row_begin,
                       size_t row_end);
  void (*max_pool_float)(const PoolProblem& p, const float* in, float* out, size_t row_begin,
                         size_t row_end);
  void (*average_pool_int)(const PoolProblem& p, const int8_t* in, int8_t* out, size_t row_begin,
                           size_t row_end);
  void (*average_pool_float)(const PoolProblem& p, const float* in, float* out, size_t row_begin,
                             size_t row_end);
  /// outer_begin .. outer_end of the outer dimension.
  void (*reduce_int)(const ReduceProblem& p, const int8_t* in, int8_t* out, size_t outer_begin,
                     size_t outer_end);
  void (*reduce_float)(const ReduceProblem& p, const float* in, float* out, size_t outer_begin,
                       size_t outer_end);
  /// Nearest copies, so it serves both types; linear differs. Rows: batch * out_h.
  void (*resize_int)(const ResizeProblem& p, const int8_t* in, int8_t* out, size_t row_begin,
                     size_t row_end);
  void (*resize_float)(const ResizeProblem& p, const float* in, float* out, size_t row_begin,
                       size_t row_end);
  /// d = max of the row - q; e = exp_table[d] = round(2^24 * exp(-scale_in * d)); the sum of e is
  /// exact (uint64). y = float(e) / float(sum), or with `log`
  /// y = -(float(d) * scale_in) - ln(float(sum) * 2^-24), ln being the float kernels' own. The
  /// result is zero_point + int(round_half_even(clamp(y * multiplier))), multiplier = 1 /
  /// scale_out.
  void (*softmax_int)(const uint32_t* exp_table, float scale_in, float multiplier, bool log,
                      OutputQuant output, View<const int8_t> in, View<int8_t> out, size_t rows,
                      size_t cols);
  void (*softmax_float)(bool log, View<const float> in, View<float> out, size_t rows, size_t cols);
};

}  // namespace lutra::kernels
