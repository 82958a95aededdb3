// Depthwise convolution: output channel c * multiplier + j sees input channel c alone.
// Tasks are rows of the output image (batch * out_h), so any range of them can run anywhere.
#pragma once

#include "kernels/gemm.h"

namespace lutra::kernels {

struct DepthwiseProblem {
  Window window;
  size_t channels = 0;  ///< of the input
  size_t channel_multiplier = 1;
  WeightForm form = {};  ///< integer
  bool weight_zero_points = false;
  int32_t left_zero_point = 0;  ///< integer: also the padding value
  OutputQuant output;           ///< integer
  Curve curve;                  ///< integer
  FloatClamp clamp;             ///< float
  size_t scratch_bytes = 0;     ///< per thread, set by plan
};

/// in, out: [batch, h, w, channels (* channel_multiplier)], pixels in_pixel_stride and
/// out_pixel_stride apart; they do not overlap. packed and scratch are aligned to 64.
struct IntDepthwiseKernels {
  /// weights: n = channels * channel_multiplier, k = kernel_h * kernel_w, as in IntWeights, with
  /// the problem's left_zero_point and without float_bias.
  size_t (*packed_bytes)(size_t n, size_t k, const WeightForm& form);
  void (*pack)(const IntWeights& weights, void* packed);
  void (*plan)(DepthwiseProblem& problem);
  void (*run)(const DepthwiseProblem& problem, const int8_t* in, const void* packed, int8_t* out,
              size_t row_begin, size_t row_end, void* scratch);
};

struct FloatDepthwiseKernels {
  size_t (*packed_bytes)(size_t n, size_t k);
  void (*pack)(const FloatWeights& weights, void* packed);
  void (*plan)(DepthwiseProblem& problem);
  void (*run)(const DepthwiseProblem& problem, const float* in, const void* packed, float* out,
              size_t row_begin, size_t row_end, void* scratch);
};

}  // namespace lutra::kernels
