// Images of another size, by the nearest pixel or linearly.
#pragma once

#include "kernels/shape.h"

namespace lutra::kernels {

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

/// Inputs and outputs do not overlap.
struct ResizeKernels {
  /// Nearest copies, so it serves both types; linear differs. Rows: batch * out_h.
  void (*resize_int)(const ResizeProblem& p, const int8_t* in, int8_t* out, size_t row_begin,
                     size_t row_end);
  void (*resize_float)(const ResizeProblem& p, const float* in, float* out, size_t row_begin,
                       size_t row_end);
};

}  // namespace lutra::kernels
