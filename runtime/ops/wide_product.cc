#include "runtime/ops/wide_product.h"

#include <algorithm>

#include "kernels/pieces.h"
#include "schema/limits.h"

namespace lutra {
namespace {

static_assert(kernels::kWideLargest == kLargestInt16);

struct WideScratch {
  WideScratch(const WideProduct& product, void* memory) {
    kernels::Pieces pieces(memory);
    high = pieces.Take<int8_t>(product.input_elements);
    pieces.Align();
    low = pieces.Take<int8_t>(product.input_elements);
    pieces.Align();
    sums = pieces.Take<int32_t>(product.low.m * product.low.groups * product.low.n);
    bytes = pieces.bytes();
  }
  int8_t *high, *low;
  int32_t* sums;
  size_t bytes;
};

}  // namespace

WideProduct PlanWideProduct(PlanScope& scope, const kernels::GemmProblem& problem, size_t threads) {
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  WideProduct product;
  product.input_elements = (input.pixels() - 1) * input.pixel_stride + input.channels();
  product.threads = threads;
  product.low = problem;
  product.low.left_zero_point = 0;  // whatever the file's tensor says: int16 has none
  product.high = product.low;
  product.low.epilogue = kernels::Epilogue::wide;
  product.low.to_int16 = output.type == schema::TensorType::int16;
  product.high.epilogue = kernels::Epilogue::raw;
  product.high.out_stride = problem.groups * problem.n;
  for (kernels::GemmProblem* half : {&product.low, &product.high}) {
    scope.row.int_gemm.plan(*half, threads);
    scope.thread_scratch_bytes = std::max(scope.thread_scratch_bytes, half->scratch_bytes);
  }
  scope.shared_scratch_bytes = WideScratch(product, nullptr).bytes;
  return product;
}

void RunWideProduct(const WideProduct& product, const kernels::Row& row, const int16_t* input,
                    const void* packed, void* out, const Execution& execution) {
  const WideScratch scratch(product, execution.shared_scratch);
  const auto split = [&](size_t begin, size_t end, void*) {
    row.wide.split(input + begin, scratch.high + begin, scratch.low + begin, end - begin);
  };
  execution.ParallelRanges(product.threads, product.input_elements,
                           Grain(product.input_elements, product.threads), split);
  kernels::GemmOperands high, low;
  high.left = scratch.high;
  low.left = scratch.low;
  high.packed = low.packed = packed;
  high.out = scratch.sums;
  low.high = scratch.sums;
  low.out = out;
  // Both halves are cut alike, so a task reads the sums that it has just written.
  execution.ParallelFor(product.threads, product.low.tasks, [&](size_t task, void* memory) {
    row.int_gemm.run(product.high, high, task, memory);
    row.int_gemm.run(product.low, low, task, memory);
  });
}

}  // namespace lutra
