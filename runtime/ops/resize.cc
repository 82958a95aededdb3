// Resize: source positions and integer weights per axis come from the file.
#include "runtime/ops/families.h"
#include "runtime/weights.h"

namespace lutra {
namespace {

struct Plan {
  const kernels::ResizeKernels* kernels = nullptr;
  uint16_t input = 0, output = 0;
  bool integer = true;
  size_t threads = 1;
  kernels::ResizeProblem problem;
};

/// The one position of the height of a 1-D tensor.
constexpr uint16_t kOnlyRow[1] = {0};

const uint16_t* Values(const flatbuffers::Vector<uint16_t>* values) {
  return values == nullptr || values->size() == 0
             ? nullptr
             : reinterpret_cast<const uint16_t*>(values->Data());
}

Status MakePlan(PlanScope& scope, const Nothing&, Plan* plan) {
  const schema::Resize& resize = *scope.op.options_as_Resize();
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  const ImageShape in = AsImage(input);
  const ImageShape out = AsImage(output);
  plan->kernels = &scope.row.resize;
  plan->input = input.index;
  plan->output = output.index;
  plan->integer = output.type == schema::TensorType::int8;
  plan->threads = scope.ThreadsForBytes(output.elements * output.element_bytes());
  kernels::ResizeProblem& problem = plan->problem;
  problem.batch = in.batch;
  problem.channels = in.channels;
  problem.in_h = in.height;
  problem.in_w = in.width;
  problem.out_h = out.height;
  problem.out_w = out.width;
  problem.in_pixel_stride = input.pixel_stride;
  problem.out_pixel_stride = output.pixel_stride;
  problem.source_h = Values(resize.height() == nullptr ? nullptr : resize.height()->source());
  if (problem.source_h == nullptr) problem.source_h = kOnlyRow;
  problem.source_w = Values(resize.width()->source());
  if (resize.kind() == schema::ResizeKind::linear) {
    problem.weight_h = Values(resize.height() == nullptr ? nullptr : resize.height()->weight());
    if (problem.weight_h == nullptr) problem.weight_h = kOnlyRow;
    problem.weight_w = Values(resize.width()->weight());
  }
  problem.zero_point_in = input.zero_point;
  problem.multiplier = resize.multiplier();
  problem.output = ToOutputQuant(output, nullptr);
  return Status();
}

void Run(const Plan& plan, const Execution& execution) {
  const size_t rows = plan.problem.batch * static_cast<size_t>(plan.problem.out_h);
  const auto body = [&](size_t begin, size_t end, void*) {
    if (plan.integer) {
      plan.kernels->resize_int(plan.problem, execution.Data<const int8_t>(plan.input),
                               execution.Data<int8_t>(plan.output), begin, end);
    } else {
      plan.kernels->resize_float(plan.problem, execution.Data<const float>(plan.input),
                                 execution.Data<float>(plan.output), begin, end);
    }
  };
  execution.ParallelRanges(plan.threads, rows, Grain(rows, plan.threads), body);
}

Status Prepare(PrepareScope& scope, Nothing*) {
  scope.kernel = "resize";
  return Status();
}

}  // namespace

const OperatorType kResize = MakeOperatorType<Nothing, Plan, Prepare, MakePlan, Run>("Resize");

}  // namespace lutra
