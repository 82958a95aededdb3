// Binary operators with numpy's broadcasting (walk.h).
#include "runtime/ops/families.h"
#include "runtime/walk.h"
#include "runtime/weights.h"

namespace lutra {
namespace {

struct Plan {
  const kernels::ElementwiseKernels* kernels = nullptr;
  uint16_t a = 0, b = 0, output = 0;
  bool integer = true;
  size_t threads = 1;
  Walk walk;
  kernels::IntBinary int_binary;
  kernels::FloatBinaryKind float_kind = kernels::FloatBinaryKind::add;
  kernels::FloatClamp clamp;
};

static_assert(
    static_cast<int>(schema::BinaryKind::add) == static_cast<int>(kernels::FloatBinaryKind::add) &&
    static_cast<int>(schema::BinaryKind::mul) == static_cast<int>(kernels::FloatBinaryKind::mul) &&
    static_cast<int>(schema::BinaryKind::pow) == static_cast<int>(kernels::FloatBinaryKind::pow));

Status MakePlan(PlanScope& scope, const Nothing&, Plan* plan) {
  const schema::Binary& binary = *scope.op.options_as_Binary();
  const Tensor a = scope.Input(0);
  const Tensor b = scope.Input(1);
  const Tensor output = scope.Output(0);
  plan->kernels = &scope.row.elementwise;
  plan->a = a.index;
  plan->b = b.index;
  plan->output = output.index;
  plan->integer = output.type == schema::TensorType::int8;
  plan->threads = scope.ThreadsForBytes(output.elements * output.element_bytes());
  plan->walk = MakeWalk({a, b, output});
  plan->int_binary = {.is_mul = binary.kind() == schema::BinaryKind::mul,
                      .zero_point_a = a.zero_point,
                      .zero_point_b = b.zero_point,
                      .multiplier_a = binary.multiplier_a(),
                      .multiplier_b = binary.multiplier_b(),
                      .multiplier = binary.multiplier(),
                      .output = ToOutputQuant(output, binary.int_range())};
  plan->float_kind = static_cast<kernels::FloatBinaryKind>(binary.kind());
  plan->clamp = ToFloatClamp(binary.float_range());
  return Status();
}

void Run(const Plan& plan, const Execution& execution) {
  const Walk& walk = plan.walk;
  execution.ParallelFor(plan.threads, walk.tasks, [&](size_t task, void*) {
    const Walk::Block block = walk.At(task);
    if (plan.integer) {
      plan.kernels->int_binary(
          plan.int_binary, walk.View(block, 0, execution.Data<const int8_t>(plan.a)),
          walk.View(block, 1, execution.Data<const int8_t>(plan.b)),
          walk.View(block, 2, execution.Data<int8_t>(plan.output)), block.rows, block.cols);
    } else {
      plan.kernels->float_binary(
          plan.float_kind, plan.clamp, walk.View(block, 0, execution.Data<const float>(plan.a)),
          walk.View(block, 1, execution.Data<const float>(plan.b)),
          walk.View(block, 2, execution.Data<float>(plan.output)), block.rows, block.cols);
    }
  });
}

Status Prepare(PrepareScope& scope, Nothing*) {
  scope.kernel = "elementwise";
  return Status();
}

}  // namespace

const OperatorType kBinary = MakeOperatorType<Nothing, Plan, Prepare, MakePlan, Run>("Binary");

}  // namespace lutra
