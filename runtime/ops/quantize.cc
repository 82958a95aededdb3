// Between float and int8, from float to int16, and from one int8 scale to another.
#include "runtime/ops/families.h"
#include "runtime/walk.h"
#include "runtime/weights.h"

namespace lutra {
namespace {

struct Plan {
  const kernels::ElementwiseKernels* kernels = nullptr;
  void (*to_int16)(float scale, kernels::View<const float> in, kernels::View<int16_t> out,
                   size_t rows, size_t cols) = nullptr;  // null: to int8
  uint16_t input = 0, output = 0;
  size_t threads = 1;
  Walk walk;
  float scale = 1.0F;  // quantize, dequantize: of the int8 side; requantize: the multiplier
  int32_t zero_point_in = 0;
  kernels::OutputQuant quant;
};

Status Prepare(PrepareScope& scope, Nothing*) {
  scope.kernel = "elementwise";
  return Status();
}

Status MakePlan(PlanScope& scope, const Nothing&, Plan* plan) {
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  plan->kernels = &scope.row.elementwise;
  if (output.type == schema::TensorType::int16) plan->to_int16 = scope.row.wide.quantize;
  plan->input = input.index;
  plan->output = output.index;
  plan->threads = scope.ThreadsForBytes(input.elements * sizeof(float));
  plan->walk = MakeWalk({input, output});
  plan->zero_point_in = input.zero_point;
  plan->quant = ToOutputQuant(output, nullptr);
  plan->scale = IsQuantized(input.type) ? input.scale : output.scale;
  if (const schema::Requantize* requantize = scope.op.options_as_Requantize()) {
    plan->scale = requantize->multiplier();
    plan->quant = ToOutputQuant(output, requantize->int_range());
  }
  return Status();
}

void RunQuantize(const Plan& plan, const Execution& execution) {
  execution.ParallelFor(plan.threads, plan.walk.tasks, [&](size_t task, void*) {
    const Walk::Block block = plan.walk.At(task);
    const auto in = plan.walk.View(block, 0, execution.Data<const float>(plan.input));
    if (plan.to_int16 != nullptr) {
      plan.to_int16(plan.scale, in, plan.walk.View(block, 1, execution.Data<int16_t>(plan.output)),
                    block.rows, block.cols);
      return;
    }
    plan.kernels->quantize(plan.scale, plan.quant.zero_point, in,
                           plan.walk.View(block, 1, execution.Data<int8_t>(plan.output)),
                           block.rows, block.cols);
  });
}

void RunDequantize(const Plan& plan, const Execution& execution) {
  execution.ParallelFor(plan.threads, plan.walk.tasks, [&](size_t task, void*) {
    const Walk::Block block = plan.walk.At(task);
    plan.kernels->dequantize(plan.scale, plan.zero_point_in,
                             plan.walk.View(block, 0, execution.Data<const int8_t>(plan.input)),
                             plan.walk.View(block, 1, execution.Data<float>(plan.output)),
                             block.rows, block.cols);
  });
}

void RunRequantize(const Plan& plan, const Execution& execution) {
  execution.ParallelFor(plan.threads, plan.walk.tasks, [&](size_t task, void*) {
    const Walk::Block block = plan.walk.At(task);
    plan.kernels->requantize(plan.zero_point_in, plan.scale, plan.quant,
                             plan.walk.View(block, 0, execution.Data<const int8_t>(plan.input)),
                             plan.walk.View(block, 1, execution.Data<int8_t>(plan.output)),
                             block.rows, block.cols);
  });
}

}  // namespace

const OperatorType kQuantize =
    MakeOperatorType<Nothing, Plan, Prepare, MakePlan, RunQuantize>("Quantize");
const OperatorType kDequantize =
    MakeOperatorType<Nothing, Plan, Prepare, MakePlan, RunDequantize>("Dequantize");
const OperatorType kRequantize =
    MakeOperatorType<Nothing, Plan, Prepare, MakePlan, RunRequantize>("Requantize");

}  // namespace lutra
