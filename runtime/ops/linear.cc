// Linear: every innermost row of the input times a constant matrix. Dynamic quantizes the rows
// first, into memory that all threads share, since each row's bytes are read by every task that
// computes some of its output channels. Wide: wide_product.h.
#include <algorithm>

#include "runtime/coded_weights.h"
#include "runtime/ops/families.h"
#include "runtime/ops/wide_product.h"

namespace lutra {
namespace {

using schema::Compute;

struct Prepared {
  const void* packed = nullptr;
  kernels::WeightForm form = {};
  OpenChoice choice;
};

struct Plan {
  const kernels::Row* row = nullptr;
  uint16_t input = 0, output = 0;
  Compute compute = Compute::integer;
  size_t threads = 1;
  const void* packed = nullptr;
  kernels::GemmProblem gemm;
  WideProduct wide;
  size_t input_stride = 0;  // dynamic
};

/// Where dynamic keeps quantized rows in the shared work space.
struct DynamicRows {
  DynamicRows(uint8_t* base, size_t m, size_t k)
      : values(reinterpret_cast<int8_t*>(base)),
        scale(reinterpret_cast<float*>(base + ValueBytes(m, k))),
        zero_point(reinterpret_cast<int32_t*>(scale + m)) {}
  static size_t ValueBytes(size_t m, size_t k) { return (m * k + 63) / 64 * 64; }
  static size_t Bytes(size_t m, size_t k) { return ValueBytes(m, k) + m * 2 * sizeof(float); }

  int8_t* values;
  float* scale;
  int32_t* zero_point;
};

Status Prepare(PrepareScope& scope, Prepared* prepared) {
  const schema::Linear& linear = *scope.op.options_as_Linear();
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  const WeightSource source = ReadWeights(scope.view, *linear.weights(), linear.compute(),
                                          output.channels(), input.channels(), linear.curve());
  const kernels::Row& row = scope.row;
  PackTarget target = {row.int_gemm.packed_bytes,
                       row.int_gemm.pack,
                       row.float_gemm.packed_bytes,
                       row.float_gemm.pack,
                       1,
                       FormOf(source, 1)};
  AllowSparse(source, row, /*winograd=*/false, &target);
  prepared->choice = ChoiceWhenDecoded(scope.view, *linear.weights(), target, row.int_gemm);
  LUTRA_RETURN_IF_ERROR(PackStoredWeights(
      scope, *linear.weights(), source, &target,
      linear.compute() == Compute::integer ? input.zero_point : 0, &prepared->packed));
  prepared->form = target.form;
  scope.kernel = target.form.sparse() ? "sparse" : "gemm";
  scope.multiply_adds = uint64_t{output.elements} * input.channels();
  return Status();
}

Status MakePlan(PlanScope& scope, const Prepared& prepared, Plan* plan) {
  const schema::Linear& linear = *scope.op.options_as_Linear();
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  plan->row = &scope.row;
  plan->input = input.index;
  plan->output = output.index;
  plan->compute = linear.compute();
  plan->packed = prepared.packed;
  plan->input_stride = input.pixel_stride;
  const bool dynamic = plan->compute == Compute::dynamic;
  kernels::GemmProblem& problem = plan->gemm;
  problem.m = output.pixels();
  problem.n = output.channels();
  problem.k = input.channels();
  problem.left_stride = dynamic ? problem.k : input.pixel_stride;
  problem.out_stride = output.pixel_stride;
  problem.epilogue = dynamic ? kernels::Epilogue::dynamic : kernels::Epilogue::requantize;
  problem.form = prepared.form;
  problem.weight_zero_points = linear.weights()->has_zero_points();
  problem.left_zero_point = dynamic ? 0 : input.zero_point;
  problem.output = ToOutputQuant(output, linear.int_range());
  problem.curve = ToCurve(linear.curve());
  problem.clamp = ToFloatClamp(linear.float_range());
  plan->threads = scope.ThreadsForMultiplyAdds(uint64_t{output.elements} * problem.k);
  scope.thread_scratch_bytes = prepared.choice.ScratchBytes(problem, plan->threads);
  if (plan->compute == Compute::wide) {
    plan->wide = PlanWideProduct(scope, problem, plan->threads);
    return Status();
  }
  if (plan->compute == Compute::float_) {
    scope.row.float_gemm.plan(problem, plan->threads);
  } else {
    scope.row.int_gemm.plan(problem, plan->threads);
  }
  scope.thread_scratch_bytes = std::max(scope.thread_scratch_bytes, problem.scratch_bytes);
  if (dynamic) scope.shared_scratch_bytes = DynamicRows::Bytes(problem.m, problem.k);
  return Status();
}

void QuantizeRows(const Plan& plan, const DynamicRows& rows, const Execution& execution) {
  const auto* input = execution.Data<const float>(plan.input);
  const size_t k = plan.gemm.k;
  const auto body = [&](size_t begin, size_t end, void*) {
    plan.row->elementwise.quantize_rows({input + begin * plan.input_stride, plan.input_stride},
                                        rows.values + begin * k, rows.scale + begin,
                                        rows.zero_point + begin, end - begin, k);
  };
  execution.ParallelRanges(plan.threads, plan.gemm.m, Grain(plan.gemm.m, plan.threads), body);
}

void Run(const Plan& plan, const Execution& execution) {
  if (plan.compute == Compute::wide) {
    RunWideProduct(plan.wide, *plan.row, execution.Data<const int16_t>(plan.input), plan.packed,
                   execution.Data<void>(plan.output), execution);
    return;
  }
  kernels::GemmOperands operands;
  operands.left = execution.Data<const void>(plan.input);
  operands.packed = plan.packed;
  operands.out = execution.Data<void>(plan.output);
  if (plan.compute == Compute::dynamic) {
    const DynamicRows rows(execution.shared_scratch, plan.gemm.m, plan.gemm.k);
    QuantizeRows(plan, rows, execution);
    operands.left = rows.values;
    operands.row_scale = rows.scale;
    operands.row_zero_point = rows.zero_point;
  }
  const auto run =
      plan.compute == Compute::float_ ? plan.row->float_gemm.run : plan.row->int_gemm.run;
  execution.ParallelFor(plan.threads, plan.gemm.tasks, [&](size_t task, void* scratch) {
    run(plan.gemm, operands, task, scratch);
  });
}

}  // namespace

const OperatorType kLinear = MakeOperatorType<Prepared, Plan, Prepare, MakePlan, Run>("Linear");

}  // namespace lutra
