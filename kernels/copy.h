// Moving elements without arithmetic. Plain C++ (memcpy and loops the compiler vectorises), one
// implementation for every instruction set and every element size of 1, 2, 4 or 8 bytes.
#pragma once

#include "kernels/shape.h"

namespace lutra::kernels {

constexpr size_t kMaxRank = 6;

/// A strided walk over up to kMaxRank dimensions: out[i0][i1].. = in[sum of i_d * in_stride[d]].
/// Transpose, slice, concat, split, crop and broadcast are all such walks. Strides are in elements
/// and may be negative (in) or zero (in, broadcast).
struct CopyProblem {
  size_t rank = 0;
  size_t extent[kMaxRank] = {};
  ptrdiff_t in_stride[kMaxRank] = {};
  ptrdiff_t out_stride[kMaxRank] = {};
  size_t element_bytes = 1;
};

/// Merges dimensions that are contiguous in both, drops extents of 1, and sorts nothing. Call once.
void Simplify(CopyProblem& problem);

/// Copies indices [begin, end) of the outermost dimension (after Simplify).
void Copy(const CopyProblem& problem, const void* in, void* out, size_t begin, size_t end);

/// Sets rows x cols elements to one value, the first element_bytes at `value`.
void Fill(const void* value, size_t element_bytes, void* out, size_t stride, size_t rows,
          size_t cols);

}  // namespace lutra::kernels
