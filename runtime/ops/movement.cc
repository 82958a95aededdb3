// Operators that move elements without arithmetic: Reshape, Transpose, Slice (and so Split) and
// Concat. Where the file's memory plan already put an input into the output (in-place Concat, a
// Reshape over its input) nothing is left to do.
#include "runtime/copy_step.h"
#include "runtime/ops/families.h"

namespace lutra {
namespace {

Status Prepare(PrepareScope& scope, Nothing*) {
  scope.kernel = "copy";
  return Status();
}

struct CopyPlan {
  uint16_t input = 0, output = 0;
  CopyStep step;
};

void RunCopy(const CopyPlan& plan, const Execution& execution) {
  RunCopyStep(plan.step, execution, execution.Data<const void>(plan.input),
              execution.Data<void>(plan.output));
}

// ---- Reshape ------------------------------------------------------------------------------------

struct ReshapePlan {
  uint16_t input = 0, output = 0;
  bool two_steps = false;  // through dense memory, when neither side is dense
  CopyStep first, second;
};

Tensor Dense(Tensor tensor) {
  tensor.pixel_stride = tensor.channels();
  return tensor;
}

Status PlanReshape(PlanScope& scope, const Nothing&, ReshapePlan* plan) {
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  plan->input = input.index;
  plan->output = output.index;
  plan->two_steps = !input.dense() && !output.dense() && input.channels() != output.channels();
  if (plan->two_steps) {
    plan->first = MakeFlatCopyStep(scope, input, Dense(input));
    plan->second = MakeFlatCopyStep(scope, Dense(output), output);
    scope.shared_scratch_bytes = input.elements * input.element_bytes();
  } else {
    plan->first = MakeFlatCopyStep(scope, input, output);
  }
  return Status();
}

void RunReshape(const ReshapePlan& plan, const Execution& execution) {
  const auto* in = execution.Data<const void>(plan.input);
  auto* out = execution.Data<void>(plan.output);
  if (in == out) return;
  if (plan.two_steps) {
    RunCopyStep(plan.first, execution, in, execution.shared_scratch);
    RunCopyStep(plan.second, execution, execution.shared_scratch, out);
  } else {
    RunCopyStep(plan.first, execution, in, out);
  }
}

// ---- Transpose and Slice ------------------------------------------------------------------------

Status PlanTranspose(PlanScope& scope, const Nothing&, CopyPlan* plan) {
  const auto& permutation = *scope.op.options_as_Transpose()->permutation();
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  plan->input = input.index;
  plan->output = output.index;
  kernels::CopyProblem problem;
  problem.rank = output.rank;
  for (size_t d = 0; d < output.rank; ++d) {
    problem.extent[d] = output.shape[d];
    problem.in_stride[d] = static_cast<ptrdiff_t>(
        input.Stride(permutation.Get(static_cast<flatbuffers::uoffset_t>(d))));
    problem.out_stride[d] = static_cast<ptrdiff_t>(output.Stride(d));
  }
  plan->step = MakeCopyStep(scope, problem, output.element_bytes(), 0, 0);
  return Status();
}

Status PlanSlice(PlanScope& scope, const Nothing&, CopyPlan* plan) {
  const schema::Slice& slice = *scope.op.options_as_Slice();
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  plan->input = input.index;
  plan->output = output.index;
  kernels::CopyProblem problem;
  problem.rank = output.rank;
  ptrdiff_t offset = 0;
  for (size_t d = 0; d < output.rank; ++d) {
    const auto i = static_cast<flatbuffers::uoffset_t>(d);
    const auto stride = static_cast<ptrdiff_t>(input.Stride(d));
    problem.extent[d] = output.shape[d];
    problem.in_stride[d] = slice.step()->Get(i) * stride;
    problem.out_stride[d] = static_cast<ptrdiff_t>(output.Stride(d));
    offset += slice.begin()->Get(i) * stride;
  }
  plan->step = MakeCopyStep(scope, problem, output.element_bytes(), offset, 0);
  return Status();
}

// ---- Concat -------------------------------------------------------------------------------------

struct ConcatPlan {
  struct Part {
    uint16_t input;
    bool same_strides;  // it may lie in the output already
    CopyStep step;
  };
  uint16_t output = 0;
  size_t part_count = 0;
  Part* parts = nullptr;
};

Status PlanConcat(PlanScope& scope, const Nothing&, ConcatPlan* plan) {
  const size_t axis = scope.op.options_as_Concat()->axis();
  const Tensor output = scope.Output(0);
  plan->output = output.index;
  plan->part_count = scope.inputs();
  plan->parts = scope.block.TakeArray<ConcatPlan::Part>(plan->part_count);
  if (plan->parts == nullptr) return Status();
  size_t position = 0;
  for (size_t i = 0; i < plan->part_count; ++i) {
    const Tensor input = scope.Input(i);
    kernels::CopyProblem problem;
    problem.rank = output.rank;
    bool same_strides = true;
    for (size_t d = 0; d < output.rank; ++d) {
      problem.extent[d] = input.shape[d];
      problem.in_stride[d] = static_cast<ptrdiff_t>(input.Stride(d));
      problem.out_stride[d] = static_cast<ptrdiff_t>(output.Stride(d));
      same_strides = same_strides && (input.shape[d] == 1 || input.Stride(d) == output.Stride(d));
    }
    const auto offset = static_cast<ptrdiff_t>(position * output.Stride(axis));
    plan->parts[i] = {input.index, same_strides,
                      MakeCopyStep(scope, problem, output.element_bytes(), 0, offset)};
    position += input.shape[axis];
  }
  return Status();
}

void RunConcat(const ConcatPlan& plan, const Execution& execution) {
  auto* out = execution.Data<uint8_t>(plan.output);
  for (size_t i = 0; i < plan.part_count; ++i) {
    const ConcatPlan::Part& part = plan.parts[i];
    const auto* in = execution.Data<const uint8_t>(part.input);
    const auto bytes = static_cast<ptrdiff_t>(part.step.problem.element_bytes);
    if (part.same_strides && in == out + part.step.out_offset * bytes) continue;
    RunCopyStep(part.step, execution, in, out);
  }
}

}  // namespace

const OperatorType kReshape =
    MakeOperatorType<Nothing, ReshapePlan, Prepare, PlanReshape, RunReshape>("Reshape");
const OperatorType kTranspose =
    MakeOperatorType<Nothing, CopyPlan, Prepare, PlanTranspose, RunCopy>("Transpose");
const OperatorType kSlice =
    MakeOperatorType<Nothing, CopyPlan, Prepare, PlanSlice, RunCopy>("Slice");
const OperatorType kConcat =
    MakeOperatorType<Nothing, ConcatPlan, Prepare, PlanConcat, RunConcat>("Concat");

}  // namespace lutra
