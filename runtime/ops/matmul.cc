// Batched product of two activations. The right operand is not known before the run, so its
// matrices are packed then, all of them first (in parallel), into the work space all threads share;
// the products follow as one list of tasks over all matrices.
#include "runtime/ops/families.h"
#include "runtime/weights.h"

namespace lutra {
namespace {

struct Plan {
  const kernels::Row* row = nullptr;
  uint16_t a = 0, b = 0, output = 0;
  bool integer = true;
  size_t threads = 1;
  kernels::GemmProblem gemm;  // of one matrix
  kernels::IntWeights int_weights;
  kernels::FloatWeights float_weights;
  size_t packed_bytes = 0;
  // Batch dimensions of the output, innermost first, and the operands' strides along them in
  // elements (0 = broadcast).
  size_t batch_rank = 0;
  size_t extent[kMaxRank] = {}, a_stride[kMaxRank] = {}, out_stride[kMaxRank] = {};
  size_t matrix_stride[kMaxRank] = {};  // of the packed matrices, in matrices
  size_t matrices = 1;                  // of the second operand
  size_t matrix_elements = 0;           // from one of its matrices to the next
  size_t products = 1;                  // of the output
};

/// Shape of batch dimension d (0 = next to the matrix) of a tensor; 1 past its rank.
size_t BatchExtent(const Tensor& tensor, size_t d) {
  return d + 2 < tensor.rank ? tensor.shape[tensor.rank - 3 - d] : 1;
}

size_t BatchStride(const Tensor& tensor, size_t d) {
  return BatchExtent(tensor, d) == 1 ? 0 : tensor.Stride(tensor.rank - 3 - d);
}

void PlanBatch(const Tensor& a, const Tensor& b, const Tensor& output, Plan* plan) {
  plan->batch_rank = output.rank - 2;
  for (size_t d = 0; d < plan->batch_rank; ++d) {
    plan->extent[d] = BatchExtent(output, d);
    plan->a_stride[d] = BatchStride(a, d);
    plan->out_stride[d] = BatchStride(output, d);
    plan->matrix_stride[d] = BatchExtent(b, d) == 1 ? 0 : plan->matrices;
    plan->matrices *= BatchExtent(b, d);
    plan->products *= plan->extent[d];
  }
  plan->matrix_elements = b.shape[b.rank - 2] * b.pixel_stride;
}

Status MakePlan(PlanScope& scope, const Nothing&, Plan* plan) {
  const schema::MatMul& matmul = *scope.op.options_as_MatMul();
  const Tensor a = scope.Input(0);
  const Tensor b = scope.Input(1);
  const Tensor output = scope.Output(0);
  plan->row = &scope.row;
  plan->a = a.index;
  plan->b = b.index;
  plan->output = output.index;
  plan->integer = matmul.compute() == schema::Compute::integer;
  PlanBatch(a, b, output, plan);

  kernels::GemmProblem& problem = plan->gemm;
  problem.m = output.shape[output.rank - 2];
  problem.n = output.channels();
  problem.k = a.channels();
  problem.left_stride = a.pixel_stride;
  problem.out_stride = output.pixel_stride;
  problem.weight_zero_points = plan->integer && b.zero_point != 0;
  problem.left_zero_point = a.zero_point;
  problem.output = ToOutputQuant(output, nullptr);
  const size_t stride_n = matmul.transpose_b() ? b.pixel_stride : 1;
  const size_t stride_k = matmul.transpose_b() ? 1 : b.pixel_stride;
  plan->threads = scope.ThreadsForMultiplyAdds(uint64_t{output.elements} * problem.k);
  if (plan->integer) {
    auto* scale = scope.block.TakeArray<float>(problem.n);
    auto* zero_points =
        problem.weight_zero_points ? scope.block.TakeArray<int8_t>(problem.n) : nullptr;
    if (scope.block.placing()) {
      for (size_t i = 0; i < problem.n; ++i) scale[i] = matmul.multiplier();
      for (size_t i = 0; zero_points != nullptr && i < problem.n; ++i) {
        zero_points[i] = static_cast<int8_t>(b.zero_point);
      }
    }
    plan->int_weights = {.n = problem.n,
                         .k = problem.k,
                         .stride_n = stride_n,
                         .stride_k = stride_k,
                         .zero_points = zero_points,
                         .scale = scale,
                         .left_zero_point = a.zero_point};
    plan->packed_bytes = scope.row.int_gemm.packed_bytes(problem.n, problem.k, problem.form);
    scope.row.int_gemm.plan(problem, plan->threads);
  } else {
    plan->float_weights = {
        .n = problem.n, .k = problem.k, .stride_n = stride_n, .stride_k = stride_k};
    plan->packed_bytes = scope.row.float_gemm.packed_bytes(problem.n, problem.k);
    scope.row.float_gemm.plan(problem, plan->threads);
  }
  scope.thread_scratch_bytes = problem.scratch_bytes;
  scope.shared_scratch_bytes = SaturatingMultiply(plan->packed_bytes, plan->matrices);
  return Status();
}

void Pack(const Plan& plan, const Execution& execution, size_t matrix) {
  void* packed = execution.shared_scratch + matrix * plan.packed_bytes;
  const size_t offset = matrix * plan.matrix_elements;
  if (plan.integer) {
    kernels::IntWeights weights = plan.int_weights;
    weights.values = execution.Data<const int8_t>(plan.b) + offset;
    plan.row->int_gemm.pack(weights, packed);
  } else {
    kernels::FloatWeights weights = plan.float_weights;
    weights.values = execution.Data<const float>(plan.b) + offset;
    plan.row->float_gemm.pack(weights, packed);
  }
}

void Multiply(const Plan& plan, const Execution& execution, size_t product, size_t task,
              void* scratch) {
  size_t a = 0;
  size_t out = 0;
  size_t matrix = 0;
  for (size_t d = 0; d < plan.batch_rank; ++d) {
    const size_t position = product % plan.extent[d];
    product /= plan.extent[d];
    a += position * plan.a_stride[d];
    out += position * plan.out_stride[d];
    matrix += position * plan.matrix_stride[d];
  }
  const size_t element_bytes = plan.integer ? 1 : sizeof(float);
  kernels::GemmOperands operands;
  operands.left = execution.Data<const uint8_t>(plan.a) + a * element_bytes;
  operands.packed = execution.shared_scratch + matrix * plan.packed_bytes;
  operands.out = execution.Data<uint8_t>(plan.output) + out * element_bytes;
  (plan.integer ? plan.row->int_gemm.run : plan.row->float_gemm.run)(plan.gemm, operands, task,
                                                                     scratch);
}

void Run(const Plan& plan, const Execution& execution) {
  execution.ParallelFor(plan.threads, plan.matrices,
                        [&](size_t matrix, void*) { Pack(plan, execution, matrix); });
  execution.ParallelFor(
      plan.threads, plan.products * plan.gemm.tasks, [&](size_t task, void* scratch) {
        Multiply(plan, execution, task / plan.gemm.tasks, task % plan.gemm.tasks, scratch);
      });
}

Status Prepare(PrepareScope& scope, Nothing*) {
  scope.kernel = "gemm";
  scope.multiply_adds = uint64_t{scope.Output(0).elements} * scope.Input(0).channels();
  return Status();
}

}  // namespace

const OperatorType kMatMul = MakeOperatorType<Nothing, Plan, Prepare, MakePlan, Run>("MatMul");

}  // namespace lutra
