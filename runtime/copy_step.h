// A strided copy between two tensors as one step of a plan: what Reshape, Transpose, Slice, Concat
// and Pad are made of.
#pragma once

#include "kernels/copy.h"
#include "runtime/operator.h"

namespace lutra {

struct CopyStep {
  kernels::CopyProblem problem;             ///< simplified
  ptrdiff_t in_offset = 0, out_offset = 0;  ///< elements
  size_t threads = 1;
};

/// Element i_d of every dimension d of `extent` moves from in_stride to out_stride; the problem's
/// rank, extents and strides are given, element size and the rest are filled in.
CopyStep MakeCopyStep(const PlanScope& scope, const kernels::CopyProblem& problem,
                      size_t element_bytes, ptrdiff_t in_offset, ptrdiff_t out_offset);

/// The whole of `in` to the whole of `out`, element by element in row-major order; equal counts,
/// and unless one of them is dense the same innermost dimension.
CopyStep MakeFlatCopyStep(const PlanScope& scope, const Tensor& in, const Tensor& out);

void RunCopyStep(const CopyStep& step, const Execution& execution, const void* in, void* out);

}  // namespace lutra
