#include "runtime/copy_step.h"

namespace lutra {

CopyStep MakeCopyStep(const PlanScope& scope, const kernels::CopyProblem& problem,
                      size_t element_bytes, ptrdiff_t in_offset, ptrdiff_t out_offset) {
  CopyStep step;
  step.problem = problem;
  step.problem.element_bytes = element_bytes;
  step.in_offset = in_offset;
  step.out_offset = out_offset;
  size_t bytes = element_bytes;
  for (size_t d = 0; d < problem.rank; ++d) bytes *= problem.extent[d];
  step.threads = scope.ThreadsForBytes(bytes);
  kernels::Simplify(step.problem);
  return step;
}

CopyStep MakeFlatCopyStep(const PlanScope& scope, const Tensor& in, const Tensor& out) {
  const size_t cols = in.dense() ? out.channels() : in.channels();
  kernels::CopyProblem problem;
  problem.rank = 2;
  problem.extent[0] = in.elements / cols;
  problem.extent[1] = cols;
  problem.in_stride[0] = static_cast<ptrdiff_t>(in.dense() ? cols : in.pixel_stride);
  problem.in_stride[1] = 1;
  problem.out_stride[0] = static_cast<ptrdiff_t>(out.dense() ? cols : out.pixel_stride);
  problem.out_stride[1] = 1;
  return MakeCopyStep(scope, problem, in.element_bytes(), 0, 0);
}

void RunCopyStep(const CopyStep& step, const Execution& execution, const void* in, void* out) {
  const auto bytes = static_cast<ptrdiff_t>(step.problem.element_bytes);
  const auto* from = static_cast<const uint8_t*>(in) + step.in_offset * bytes;
  auto* to = static_cast<uint8_t*>(out) + step.out_offset * bytes;
  const size_t extent = step.problem.rank == 0 ? 1 : step.problem.extent[0];
  execution.ParallelRanges(
      step.threads, extent, Grain(extent, step.threads),
      [&](size_t begin, size_t end, void*) { kernels::Copy(step.problem, from, to, begin, end); });
}

}  // namespace lutra
