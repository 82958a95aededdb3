// Cast: any type to any other, element by element, in plain C++. One loop for each pair of types.
#include "base/cast.h"

#include "base/half.h"
#include "runtime/ops/families.h"
#include "runtime/walk.h"

namespace lutra {
namespace {

// ---- Elements as numbers, and back ------------------------------------------------------------

template <typename Element>
Element Number(Element element) {
  return element;
}
float Number(Half half) { return HalfToFloat(half.bits); }
bool Number(Boolean boolean) { return boolean.byte != 0; }

template <typename To>
struct From {
  template <typename Source>
  static To Of(Source number) {
    return CastNumber<To>(number);
  }
};
template <>
struct From<Half> {
  template <typename Source>
  static Half Of(Source number) {
    return {ToHalf(static_cast<double>(number))};  // exact, or far beyond the largest
  }
};
template <>
struct From<Boolean> {
  template <typename Source>
  static Boolean Of(Source number) {
    return {CastNumber<bool>(number)};
  }
};

// ---- The operator -----------------------------------------------------------------------------

using CastBlock = void (*)(const Walk& walk, const Walk::Block& block, const void* in, void* out);

struct Plan {
  uint16_t input = 0, output = 0;
  size_t threads = 1;
  Walk walk;
  CastBlock cast = nullptr;
};

template <typename Source, typename To>
void RunBlock(const Walk& walk, const Walk::Block& block, const void* in, void* out) {
  const auto from = walk.View(block, 0, static_cast<const Source*>(in));
  const auto to = walk.View(block, 1, static_cast<To*>(out));
  for (size_t row = 0; row < block.rows; ++row) {
    const Source* source = from.data + row * from.stride;
    To* result = to.data + row * to.stride;
    for (size_t col = 0; col < block.cols; ++col) {
      result[col * to.col_step] = From<To>::Of(Number(source[col * from.col_step]));
    }
  }
}

Status MakePlan(PlanScope& scope, const Nothing&, Plan* plan) {
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  plan->input = input.index;
  plan->output = output.index;
  plan->threads =
      scope.ThreadsForBytes(input.elements * (input.element_bytes() + output.element_bytes()));
  plan->walk = MakeWalk({input, output});
  plan->cast = VisitType(input.type, [&](auto from) {
    return VisitType(output.type,
                     [](auto to) -> CastBlock { return RunBlock<decltype(from), decltype(to)>; });
  });
  return Status();
}

void Run(const Plan& plan, const Execution& execution) {
  execution.ParallelFor(plan.threads, plan.walk.tasks, [&](size_t task, void*) {
    plan.cast(plan.walk, plan.walk.At(task), execution.Data<const void>(plan.input),
              execution.Data<void>(plan.output));
  });
}

Status Prepare(PrepareScope& scope, Nothing*) {
  scope.kernel = "elementwise";
  return Status();
}

}  // namespace

const OperatorType kCast = MakeOperatorType<Nothing, Plan, Prepare, MakePlan, Run>("Cast");

}  // namespace lutra
