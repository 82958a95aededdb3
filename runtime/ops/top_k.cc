// TopK: of each innermost row the first k in order of size, and where they stood. Plain C++: a
// row's indices are sorted by value as far as they are wanted. Values that compare equal are told
// apart by their index, so the result does not depend on how they are sorted. A NaN stands above
// every number.
#include <algorithm>
#include <numeric>

#include "runtime/ops/families.h"

namespace lutra {
namespace {

struct Rows {
  size_t length, k;
  size_t in_stride, values_stride, indices_stride;  // elements from one row to the next
  bool smallest;
};

struct Plan {
  uint16_t input = 0, values = 0, indices = 0;
  bool integer = false;
  size_t rows = 0, threads = 1;
  Rows geometry;
};

/// Whether a stands above b.
bool Above(int8_t a, int8_t b) { return a > b; }
bool Above(float a, float b) { return a > b || (a != a && b == b); }

template <typename T>
void TakeRow(const Rows& rows, const T* in, uint32_t* order, T* values, int64_t* indices) {
  std::iota(order, order + rows.length, 0U);
  const auto before = [&](uint32_t i, uint32_t j) {
    const T first = rows.smallest ? in[j] : in[i];
    const T second = rows.smallest ? in[i] : in[j];
    if (Above(first, second)) return true;
    return !Above(second, first) && i < j;
  };
  std::partial_sort(order, order + rows.k, order + rows.length, before);
  for (size_t i = 0; i < rows.k; ++i) {
    values[i] = in[order[i]];
    indices[i] = order[i];
  }
}

template <typename T>
void TakeRows(const Plan& plan, const Execution& execution, size_t begin, size_t end,
              uint32_t* order) {
  const Rows& rows = plan.geometry;
  for (size_t row = begin; row < end; ++row) {
    TakeRow(rows, execution.Data<const T>(plan.input) + row * rows.in_stride, order,
            execution.Data<T>(plan.values) + row * rows.values_stride,
            execution.Data<int64_t>(plan.indices) + row * rows.indices_stride);
  }
}

Status MakePlan(PlanScope& scope, const Nothing&, Plan* plan) {
  const Tensor input = scope.Input(0);
  const Tensor values = scope.Output(0), indices = scope.Output(1);
  plan->input = input.index;
  plan->values = values.index;
  plan->indices = indices.index;
  plan->integer = input.type == schema::TensorType::int8;
  plan->rows = input.pixels();
  plan->geometry = {input.channels(),     values.channels(),
                    input.pixel_stride,   values.pixel_stride,
                    indices.pixel_stride, scope.op.options_as_TopK()->smallest()};
  // Sorting costs several steps for each element, as a convolution's multiply-adds do.
  constexpr size_t kStepsPerElement = 16;
  plan->threads = scope.ThreadsForMultiplyAdds(input.elements * kStepsPerElement);
  scope.thread_scratch_bytes = input.channels() * sizeof(uint32_t);
  return Status();
}

void Run(const Plan& plan, const Execution& execution) {
  execution.ParallelRanges(plan.threads, plan.rows, Grain(plan.rows, plan.threads),
                           [&](size_t begin, size_t end, void* scratch) {
                             auto* order = static_cast<uint32_t*>(scratch);
                             if (plan.integer) {
                               TakeRows<int8_t>(plan, execution, begin, end, order);
                             } else {
                               TakeRows<float>(plan, execution, begin, end, order);
                             }
                           });
}

Status Prepare(PrepareScope& scope, Nothing*) {
  scope.kernel = "sort";
  return Status();
}

}  // namespace

const OperatorType kTopK = MakeOperatorType<Nothing, Plan, Prepare, MakePlan, Run>("TopK");

}  // namespace lutra
