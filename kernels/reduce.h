// Reductions over neighbouring axes.
#pragma once

#include "kernels/shape.h"

namespace lutra::kernels {

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

/// Inputs and outputs do not overlap.
struct ReduceKernels {
  /// outer_begin .. outer_end of the outer dimension.
  void (*reduce_int)(const ReduceProblem& p, const int8_t* in, int8_t* out, size_t outer_begin,
                     size_t outer_end);
  void (*reduce_float)(const ReduceProblem& p, const float* in, float* out, size_t outer_begin,
                       size_t outer_end);
};

}  // namespace lutra::kernels
