// One tensor in, one out, element by element: 256-entry tables on int8, functions on float.
#include "runtime/ops/families.h"
#include "runtime/walk.h"

namespace lutra {
namespace {

using kernels::FloatUnaryKind;

#define LUTRA_SAME(name)                                     \
  static_assert(static_cast<int>(schema::UnaryKind::name) == \
                static_cast<int>(FloatUnaryKind::name));
LUTRA_FLOAT_UNARY_KINDS(LUTRA_SAME)
#undef LUTRA_SAME

struct LookupPlan {
  const kernels::ElementwiseKernels* kernels = nullptr;
  uint16_t input = 0, output = 0;
  size_t threads = 1;
  Walk walk;
  const int8_t* table = nullptr;
};

Status PrepareLookup(PrepareScope& scope, Nothing*) {
  scope.kernel = "table";
  return Status();
}

Status PlanLookup(PlanScope& scope, const Nothing&, LookupPlan* plan) {
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  plan->kernels = &scope.row.elementwise;
  plan->input = input.index;
  plan->output = output.index;
  plan->threads = scope.ThreadsForBytes(output.elements);
  plan->walk = MakeWalk({input, output});
  plan->table =
      reinterpret_cast<const int8_t*>(scope.view.Blob(scope.op.options_as_Lookup()->table()));
  return Status();
}

void RunLookup(const LookupPlan& plan, const Execution& execution) {
  execution.ParallelFor(plan.threads, plan.walk.tasks, [&](size_t task, void*) {
    const Walk::Block block = plan.walk.At(task);
    plan.kernels->table(
        plan.table, plan.walk.View(block, 0, execution.Data<const int8_t>(plan.input)),
        plan.walk.View(block, 1, execution.Data<int8_t>(plan.output)), block.rows, block.cols);
  });
}

/// The float functions cost about as much as moving this many bytes per element.
constexpr size_t kBytesPerElement = 16;

struct UnaryPlan {
  const kernels::ElementwiseKernels* kernels = nullptr;
  uint16_t input = 0, output = 0, slope = 0;
  FloatUnaryKind kind = FloatUnaryKind::identity;
  float alpha = 0.0F, beta = 0.0F;
  size_t threads = 1;
  Walk walk;                                                 // all but prelu
  size_t rows = 0, cols = 0, in_stride = 0, out_stride = 0;  // prelu
};

Status PrepareUnary(PrepareScope& scope, Nothing*) {
  scope.kernel = "elementwise";
  return Status();
}

Status PlanUnary(PlanScope& scope, const Nothing&, UnaryPlan* plan) {
  const schema::Unary& unary = *scope.op.options_as_Unary();
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  plan->kernels = &scope.row.elementwise;
  plan->input = input.index;
  plan->output = output.index;
  plan->kind = static_cast<FloatUnaryKind>(unary.kind());
  plan->alpha = unary.alpha();
  plan->beta = unary.beta();
  plan->threads = scope.ThreadsForBytes(output.elements * kBytesPerElement);
  if (plan->kind == FloatUnaryKind::prelu) {
    plan->slope = scope.Input(1).index;
    plan->rows = input.pixels();
    plan->cols = input.channels();
    plan->in_stride = input.pixel_stride;
    plan->out_stride = output.pixel_stride;
  } else {
    plan->walk = MakeWalk({input, output});
  }
  return Status();
}

/// Keeps channels as columns, because the slope belongs to them.
void RunPrelu(const UnaryPlan& plan, const Execution& execution) {
  const auto* slope = execution.Data<const float>(plan.slope);
  const auto body = [&](size_t begin, size_t end, void*) {
    const float* in = execution.Data<const float>(plan.input) + begin * plan.in_stride;
    float* out = execution.Data<float>(plan.output) + begin * plan.out_stride;
    plan.kernels->float_unary(plan.kind, plan.alpha, plan.beta, slope, {in, plan.in_stride},
                              {out, plan.out_stride}, end - begin, plan.cols);
  };
  execution.ParallelRanges(plan.threads, plan.rows, Grain(plan.rows, plan.threads), body);
}

void RunUnary(const UnaryPlan& plan, const Execution& execution) {
  if (plan.kind == FloatUnaryKind::prelu) {
    RunPrelu(plan, execution);
    return;
  }
  execution.ParallelFor(plan.threads, plan.walk.tasks, [&](size_t task, void*) {
    const Walk::Block block = plan.walk.At(task);
    plan.kernels->float_unary(plan.kind, plan.alpha, plan.beta, nullptr,
                              plan.walk.View(block, 0, execution.Data<const float>(plan.input)),
                              plan.walk.View(block, 1, execution.Data<float>(plan.output)),
                              block.rows, block.cols);
  });
}

}  // namespace

const OperatorType kLookup =
    MakeOperatorType<Nothing, LookupPlan, PrepareLookup, PlanLookup, RunLookup>("Lookup");
const OperatorType kUnary =
    MakeOperatorType<Nothing, UnaryPlan, PrepareUnary, PlanUnary, RunUnary>("Unary");

}  // namespace lutra
