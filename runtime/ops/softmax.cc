// Softmax and log-softmax over the innermost dimension.
#include "runtime/ops/families.h"
#include "runtime/weights.h"

namespace lutra {
namespace {

struct Plan {
  const kernels::SoftmaxKernels* kernels = nullptr;
  uint16_t input = 0, output = 0;
  bool integer = true, log = false;
  size_t threads = 1;
  size_t rows = 0, cols = 0, in_stride = 0, out_stride = 0;
  const uint32_t* exp_table = nullptr;
  float scale_in = 1.0F, multiplier = 1.0F;
  kernels::OutputQuant quant;
};

/// A row of softmax costs about as much as moving this many bytes per element.
constexpr size_t kBytesPerElement = 8;

Status MakePlan(PlanScope& scope, const Nothing&, Plan* plan) {
  const schema::Softmax& softmax = *scope.op.options_as_Softmax();
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  plan->kernels = &scope.row.softmax;
  plan->input = input.index;
  plan->output = output.index;
  plan->integer = output.type == schema::TensorType::int8;
  plan->log = softmax.log();
  plan->threads = scope.ThreadsForBytes(output.elements * kBytesPerElement);
  plan->rows = input.pixels();
  plan->cols = input.channels();
  plan->in_stride = input.pixel_stride;
  plan->out_stride = output.pixel_stride;
  if (plan->integer) {
    plan->exp_table = reinterpret_cast<const uint32_t*>(scope.view.Blob(softmax.table()));
  }
  plan->scale_in = input.scale;
  plan->multiplier = softmax.multiplier();
  plan->quant = ToOutputQuant(output, nullptr);
  return Status();
}

void Run(const Plan& plan, const Execution& execution) {
  const auto body = [&](size_t begin, size_t end, void*) {
    const size_t in = begin * plan.in_stride;
    const size_t out = begin * plan.out_stride;
    if (plan.integer) {
      plan.kernels->softmax_int(
          plan.exp_table, plan.scale_in, plan.multiplier, plan.log, plan.quant,
          {execution.Data<const int8_t>(plan.input) + in, plan.in_stride},
          {execution.Data<int8_t>(plan.output) + out, plan.out_stride}, end - begin, plan.cols);
    } else {
      plan.kernels->softmax_float(
          plan.log, {execution.Data<const float>(plan.input) + in, plan.in_stride},
          {execution.Data<float>(plan.output) + out, plan.out_stride}, end - begin, plan.cols);
    }
  };
  execution.ParallelRanges(plan.threads, plan.rows, Grain(plan.rows, plan.threads), body);
}

Status Prepare(PrepareScope& scope, Nothing*) {
  scope.kernel = "softmax";
  return Status();
}

}  // namespace

const OperatorType kSoftmax = MakeOperatorType<Nothing, Plan, Prepare, MakePlan, Run>("Softmax");

}  // namespace lutra
