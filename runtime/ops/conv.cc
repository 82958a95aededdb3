// Convolution, 2-D and (as height 1) 1-D. Four ways lead to the same numbers: depthwise kernels
// when every group is one input channel, a dense matrix product when a pixel of the output sees
// exactly one pixel of the input, Winograd's products for 3x3 where the row has them, and the
// product with implicit im2col for the rest. All but the first give way to a product that skips
// blocks of zero weights where there are enough of them. int16 inputs take two matrix products
// (wide_product.h).
#include <algorithm>

#include "kernels/winograd.h"
#include "runtime/coded_weights.h"
#include "runtime/ops/families.h"
#include "runtime/ops/wide_product.h"

namespace lutra {
namespace {

using schema::Compute;

struct Prepared {
  const void* packed = nullptr;
  kernels::WeightForm form = {};
  bool depthwise = false;
  bool winograd = false;
  OpenChoice choice;
};

struct Plan {
  const kernels::Row* row = nullptr;
  uint16_t input = 0, output = 0;
  Compute compute = Compute::integer;
  bool depthwise = false;
  bool winograd = false;
  size_t threads = 1;
  const void* packed = nullptr;
  kernels::GemmProblem gemm;
  kernels::DepthwiseProblem depthwise_problem;
  WideProduct wide;
};

kernels::Window MakeWindow(const schema::Conv& conv, const Tensor& input, const Tensor& output) {
  const ImageShape in = AsImage(input);
  const ImageShape out = AsImage(output);
  kernels::Window window;
  window.batch = in.batch;
  window.in_h = in.height;
  window.in_w = in.width;
  window.out_h = out.height;
  window.out_w = out.width;
  window.kernel_h = conv.kernel_h();
  window.kernel_w = conv.kernel_w();
  window.stride_h = conv.stride_h();
  window.stride_w = conv.stride_w();
  window.dilation_h = conv.dilation_h();
  window.dilation_w = conv.dilation_w();
  window.pad_top = conv.pad_top();
  window.pad_left = conv.pad_left();
  window.in_pixel_stride = input.pixel_stride;
  window.out_pixel_stride = output.pixel_stride;
  return window;
}

const kernels::IntGemmKernels& IntProduct(const kernels::Row& row, bool winograd) {
  return winograd ? row.int_winograd : row.int_gemm;
}

Status Prepare(PrepareScope& scope, Prepared* prepared) {
  const schema::Conv& conv = *scope.op.options_as_Conv();
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  const size_t groups = conv.groups();
  const size_t channels = input.channels() / groups;
  const size_t k = size_t{conv.kernel_h()} * conv.kernel_w() * channels;
  const WeightSource source =
      ReadWeights(scope.view, *conv.weights(), conv.compute(), output.channels(), k, conv.curve());
  const bool integer = conv.compute() == Compute::integer;
  prepared->depthwise = groups > 1 && channels == 1 && conv.compute() != Compute::wide;
  const kernels::Row& row = scope.row;
  const kernels::WeightForm form = FormOf(source, prepared->depthwise ? 1 : groups);
  // Winograd's transformed weights would be a copy in 16 bits, so codes take the plain way.
  prepared->winograd = integer && !prepared->depthwise && source.zero_points == nullptr &&
                       !form.coded() && row.int_winograd.run != nullptr &&
                       kernels::SuitsWinograd(MakeWindow(conv, input, output), channels);
  PackTarget target;
  if (prepared->depthwise) {
    target = {row.int_depthwise.packed_bytes,
              row.int_depthwise.pack,
              row.float_depthwise.packed_bytes,
              row.float_depthwise.pack,
              1,
              form};
  } else {
    const kernels::IntGemmKernels& product = IntProduct(row, prepared->winograd);
    target = {product.packed_bytes, product.pack, row.float_gemm.packed_bytes,
              row.float_gemm.pack,  groups,       form};
    AllowSparse(source, row, prepared->winograd, &target);
    prepared->choice = ChoiceWhenDecoded(scope.view, *conv.weights(), target, product);
  }
  LUTRA_RETURN_IF_ERROR(PackStoredWeights(scope, *conv.weights(), source, &target,
                                          integer ? input.zero_point : 0, &prepared->packed));
  prepared->form = target.form;
  prepared->winograd = prepared->winograd && !target.form.sparse();
  scope.kernel = prepared->depthwise    ? "depthwise"
                 : prepared->winograd   ? "winograd"
                 : target.form.sparse() ? "sparse"
                                        : "gemm";
  scope.multiply_adds = uint64_t{output.elements} * k;
  return Status();
}

bool SeesOnePixel(const schema::Conv& conv) {
  return conv.kernel_h() == 1 && conv.kernel_w() == 1 && conv.stride_h() == 1 &&
         conv.stride_w() == 1 && conv.pad_top() == 0 && conv.pad_left() == 0 &&
         conv.pad_bottom() == 0 && conv.pad_right() == 0;
}

void PlanDepthwise(PlanScope& scope, const schema::Conv& conv, const kernels::WeightForm& form,
                   Plan* plan) {
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  kernels::DepthwiseProblem& problem = plan->depthwise_problem;
  problem.window = MakeWindow(conv, input, output);
  problem.channels = input.channels();
  problem.channel_multiplier = output.channels() / input.channels();
  problem.form = form;
  problem.weight_zero_points = conv.weights()->has_zero_points();
  problem.left_zero_point = input.zero_point;
  problem.output = ToOutputQuant(output, conv.int_range());
  problem.curve = ToCurve(conv.curve());
  problem.clamp = ToFloatClamp(conv.float_range());
  plan->threads =
      scope.ThreadsForMultiplyAdds(uint64_t{output.elements} * conv.kernel_h() * conv.kernel_w());
  const bool integer = plan->compute == Compute::integer;
  (integer ? scope.row.int_depthwise.plan : scope.row.float_depthwise.plan)(problem);
  scope.thread_scratch_bytes = problem.scratch_bytes;
}

void PlanGemm(PlanScope& scope, const schema::Conv& conv, const Prepared& prepared, Plan* plan) {
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  kernels::GemmProblem& problem = plan->gemm;
  problem.groups = conv.groups();
  problem.channels = input.channels() / conv.groups();
  problem.m = output.pixels();
  problem.n = output.channels() / conv.groups();
  problem.k = size_t{conv.kernel_h()} * conv.kernel_w() * problem.channels;
  problem.window = MakeWindow(conv, input, output);
  problem.left = SeesOnePixel(conv) && conv.groups() == 1 ? kernels::LeftKind::dense
                                                          : kernels::LeftKind::patches;
  problem.left_stride = input.pixel_stride;
  problem.out_stride = output.pixel_stride;
  problem.epilogue = kernels::Epilogue::requantize;
  problem.form = prepared.form;
  problem.weight_zero_points = conv.weights()->has_zero_points();
  problem.left_zero_point = input.zero_point;
  problem.output = ToOutputQuant(output, conv.int_range());
  problem.curve = ToCurve(conv.curve());
  problem.clamp = ToFloatClamp(conv.float_range());
  plan->threads = scope.ThreadsForMultiplyAdds(uint64_t{output.elements} * problem.k);
  scope.thread_scratch_bytes = prepared.choice.ScratchBytes(problem, plan->threads);
  if (plan->compute == Compute::wide) {
    plan->wide = PlanWideProduct(scope, problem, plan->threads);
    return;
  }
  const auto make_plan = plan->compute == Compute::integer
                             ? IntProduct(scope.row, plan->winograd).plan
                             : scope.row.float_gemm.plan;
  make_plan(problem, plan->threads);
  scope.thread_scratch_bytes = std::max(scope.thread_scratch_bytes, problem.scratch_bytes);
}

Status MakePlan(PlanScope& scope, const Prepared& prepared, Plan* plan) {
  const schema::Conv& conv = *scope.op.options_as_Conv();
  plan->row = &scope.row;
  plan->input = scope.Input(0).index;
  plan->output = scope.Output(0).index;
  plan->compute = conv.compute();
  plan->depthwise = prepared.depthwise;
  plan->winograd = prepared.winograd;
  plan->packed = prepared.packed;
  if (prepared.depthwise) {
    PlanDepthwise(scope, conv, prepared.form, plan);
  } else {
    PlanGemm(scope, conv, prepared, plan);
  }
  return Status();
}

void RunDepthwise(const Plan& plan, const Execution& execution) {
  const kernels::DepthwiseProblem& problem = plan.depthwise_problem;
  const kernels::Row& row = *plan.row;
  const size_t rows = problem.window.batch * static_cast<size_t>(problem.window.out_h);
  const auto body = [&](size_t begin, size_t end, void* scratch) {
    if (plan.compute == Compute::integer) {
      row.int_depthwise.run(problem, execution.Data<const int8_t>(plan.input), plan.packed,
                            execution.Data<int8_t>(plan.output), begin, end, scratch);
    } else {
      row.float_depthwise.run(problem, execution.Data<const float>(plan.input), plan.packed,
                              execution.Data<float>(plan.output), begin, end, scratch);
    }
  };
  // Coded weights are decoded for every range, so each thread gets one.
  const size_t grain =
      problem.form.coded() ? (rows + plan.threads - 1) / plan.threads : Grain(rows, plan.threads);
  execution.ParallelRanges(plan.threads, rows, grain, body);
}

void Run(const Plan& plan, const Execution& execution) {
  if (plan.depthwise) {
    RunDepthwise(plan, execution);
    return;
  }
  if (plan.compute == Compute::wide) {
    RunWideProduct(plan.wide, *plan.row, execution.Data<const int16_t>(plan.input), plan.packed,
                   execution.Data<void>(plan.output), execution);
    return;
  }
  kernels::GemmOperands operands;
  operands.left = execution.Data<const void>(plan.input);
  operands.packed = plan.packed;
  operands.out = execution.Data<void>(plan.output);
  const auto run = plan.compute == Compute::integer ? IntProduct(*plan.row, plan.winograd).run
                                                    : plan.row->float_gemm.run;
  execution.ParallelFor(plan.threads, plan.gemm.tasks, [&](size_t task, void* scratch) {
    run(plan.gemm, operands, task, scratch);
  });
}

}  // namespace

const OperatorType kConv = MakeOperatorType<Prepared, Plan, Prepare, MakePlan, Run>("Conv");

}  // namespace lutra
