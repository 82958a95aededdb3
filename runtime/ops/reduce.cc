// Reductions over neighbouring axes: [outer][reduced][inner]. The kernels want dense tensors, so a
// part of an in-place Concat goes through work space.
#include "runtime/copy_step.h"
#include "runtime/ops/families.h"
#include "runtime/weights.h"

namespace lutra {
namespace {

struct Plan {
  const kernels::ReduceKernels* kernels = nullptr;
  uint16_t input = 0, output = 0;
  bool integer = true;
  size_t threads = 1;
  kernels::ReduceProblem problem;
  size_t element_bytes = 1;
  // Where a side is not dense: its place in the shared work space and the copy.
  bool gather = false, scatter = false;
  size_t scatter_offset_bytes = 0;
  CopyStep gather_step, scatter_step;
};

static_assert(
    static_cast<int>(schema::ReduceKind::mean) == static_cast<int>(kernels::ReduceKind::mean) &&
    static_cast<int>(schema::ReduceKind::max) == static_cast<int>(kernels::ReduceKind::max) &&
    static_cast<int>(schema::ReduceKind::l2) == static_cast<int>(kernels::ReduceKind::l2));

void PlanCopies(PlanScope& scope, const Tensor& input, const Tensor& output, Plan* plan) {
  const auto dense = [](Tensor tensor) {
    tensor.pixel_stride = tensor.channels();
    return tensor;
  };
  plan->gather = !input.dense();
  plan->scatter = !output.dense();
  if (plan->gather) {
    plan->gather_step = MakeFlatCopyStep(scope, input, dense(input));
    plan->scatter_offset_bytes =
        (input.elements * input.element_bytes() + kBlockAlignment - 1) & ~(kBlockAlignment - 1);
  }
  scope.shared_scratch_bytes = plan->scatter_offset_bytes;
  if (plan->scatter) {
    plan->scatter_step = MakeFlatCopyStep(scope, dense(output), output);
    scope.shared_scratch_bytes += output.elements * output.element_bytes();
  }
}

Status MakePlan(PlanScope& scope, const Nothing&, Plan* plan) {
  const schema::Reduce& reduce = *scope.op.options_as_Reduce();
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  plan->kernels = &scope.row.reduce;
  plan->input = input.index;
  plan->output = output.index;
  plan->integer = output.type == schema::TensorType::int8;
  plan->element_bytes = output.element_bytes();
  plan->threads = scope.ThreadsForBytes(input.elements * input.element_bytes());
  kernels::ReduceProblem& problem = plan->problem;
  problem.kind = static_cast<kernels::ReduceKind>(reduce.kind());
  const size_t first = reduce.axes()->Get(0);
  const size_t last = reduce.axes()->Get(reduce.axes()->size() - 1);
  for (size_t d = 0; d < input.rank; ++d) {
    (d < first ? problem.outer : d <= last ? problem.reduced : problem.inner) *= input.shape[d];
  }
  problem.zero_point_in = input.zero_point;
  problem.multiplier = reduce.multiplier();
  problem.output = ToOutputQuant(output, reduce.int_range());
  PlanCopies(scope, input, output, plan);
  return Status();
}

void Run(const Plan& plan, const Execution& execution) {
  const void* in = execution.Data<const void>(plan.input);
  void* out = execution.Data<void>(plan.output);
  if (plan.gather) {
    RunCopyStep(plan.gather_step, execution, in, execution.shared_scratch);
    in = execution.shared_scratch;
  }
  if (plan.scatter) out = execution.shared_scratch + plan.scatter_offset_bytes;
  const auto body = [&](size_t begin, size_t end, void*) {
    if (plan.integer) {
      plan.kernels->reduce_int(plan.problem, static_cast<const int8_t*>(in),
                               static_cast<int8_t*>(out), begin, end);
    } else {
      plan.kernels->reduce_float(plan.problem, static_cast<const float*>(in),
                                 static_cast<float*>(out), begin, end);
    }
  };
  const size_t outer = plan.problem.outer;
  execution.ParallelRanges(plan.threads, outer, Grain(outer, plan.threads), body);
  if (plan.scatter) {
    RunCopyStep(plan.scatter_step, execution, out, execution.Data<void>(plan.output));
  }
}

Status Prepare(PrepareScope& scope, Nothing*) {
  scope.kernel = "reduce";
  return Status();
}

}  // namespace

const OperatorType kReduce = MakeOperatorType<Nothing, Plan, Prepare, MakePlan, Run>("Reduce");

}  // namespace lutra
