// Maximum and average pooling, 2-D and (as height 1) 1-D.
#include "runtime/ops/families.h"
#include "runtime/weights.h"

namespace lutra {
namespace {

struct Prepared {
  const float* multiplier_by_count = nullptr;  // int8 average
};

struct Plan {
  const kernels::PoolKernels* kernels = nullptr;
  uint16_t input = 0, output = 0;
  bool integer = true, maximum = true;
  size_t threads = 1;
  kernels::PoolProblem problem;
};

/// The file lists the counts that occur; the kernel indexes by count.
Status Prepare(PrepareScope& scope, Prepared* prepared) {
  const schema::Pool& pool = *scope.op.options_as_Pool();
  scope.kernel = "pool";
  const bool integer = scope.Output(0).type == schema::TensorType::int8;
  if (pool.kind() != schema::PoolKind::average || !integer) return Status();
  const size_t positions = size_t{pool.kernel_h()} * pool.kernel_w();
  auto* table = scope.block.TakeArray<float>(positions + 1);
  if (table != nullptr) {
    for (size_t i = 0; i <= positions; ++i) table[i] = 1.0F;
    for (flatbuffers::uoffset_t i = 0; i < pool.counts()->size(); ++i) {
      table[pool.counts()->Get(i)] = pool.multipliers()->Get(i);
    }
  }
  prepared->multiplier_by_count = table;
  return Status();
}

Status MakePlan(PlanScope& scope, const Prepared& prepared, Plan* plan) {
  const schema::Pool& pool = *scope.op.options_as_Pool();
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  const ImageShape in = AsImage(input);
  const ImageShape out = AsImage(output);
  plan->kernels = &scope.row.pool;
  plan->input = input.index;
  plan->output = output.index;
  plan->integer = output.type == schema::TensorType::int8;
  plan->maximum = pool.kind() == schema::PoolKind::max;
  plan->threads = scope.ThreadsForBytes(uint64_t{output.elements} * output.element_bytes() *
                                        pool.kernel_h() * pool.kernel_w());
  kernels::PoolProblem& problem = plan->problem;
  problem.window = {.batch = in.batch,
                    .in_h = in.height,
                    .in_w = in.width,
                    .out_h = out.height,
                    .out_w = out.width,
                    .kernel_h = pool.kernel_h(),
                    .kernel_w = pool.kernel_w(),
                    .stride_h = pool.stride_h(),
                    .stride_w = pool.stride_w(),
                    .dilation_h = pool.dilation_h(),
                    .dilation_w = pool.dilation_w(),
                    .pad_top = pool.pad_top(),
                    .pad_left = pool.pad_left(),
                    .in_pixel_stride = input.pixel_stride,
                    .out_pixel_stride = output.pixel_stride};
  problem.channels = in.channels;
  problem.count_include_pad = pool.count_include_pad();
  problem.pad_bottom = pool.pad_bottom();
  problem.pad_right = pool.pad_right();
  problem.multiplier_by_count = prepared.multiplier_by_count;
  problem.zero_point_in = input.zero_point;
  problem.output = ToOutputQuant(output, pool.int_range());
  return Status();
}

void Run(const Plan& plan, const Execution& execution) {
  const kernels::PoolKernels& kernels = *plan.kernels;
  const size_t rows = plan.problem.window.batch * static_cast<size_t>(plan.problem.window.out_h);
  const auto body = [&](size_t begin, size_t end, void*) {
    if (plan.integer) {
      (plan.maximum ? kernels.max_pool_int : kernels.average_pool_int)(
          plan.problem, execution.Data<const int8_t>(plan.input),
          execution.Data<int8_t>(plan.output), begin, end);
    } else {
      (plan.maximum ? kernels.max_pool_float : kernels.average_pool_float)(
          plan.problem, execution.Data<const float>(plan.input), execution.Data<float>(plan.output),
          begin, end);
    }
  };
  execution.ParallelRanges(plan.threads, rows, Grain(rows, plan.threads), body);
}

}  // namespace

const OperatorType kPool = MakeOperatorType<Prepared, Plan, Prepare, MakePlan, Run>("Pool");

}  // namespace lutra
