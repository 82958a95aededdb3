// Softmax and its logarithm over rows.
#pragma once

#include "kernels/shape.h"

namespace lutra::kernels {

/// The output may lie exactly where the input does; else they do not overlap.
struct SoftmaxKernels {
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
