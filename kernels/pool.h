// Maxima and averages over windows of an image.
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

/// Inputs and outputs do not overlap.
struct PoolKernels {
  void (*max_pool_int)(const PoolProblem& p, const int8_t* in, int8_t* out, size_t row_begin,
                       size_t row_end);
  void (*max_pool_float)(const PoolProblem& p, const float* in, float* out, size_t row_begin,
                         size_t row_end);
  void (*average_pool_int)(const PoolProblem& p, const int8_t* in, int8_t* out, size_t row_begin,
                           size_t row_end);
  void (*average_pool_float)(const PoolProblem& p, const float* in, float* out, size_t row_begin,
                             size_t row_end);
};

}  // namespace lutra::kernels
