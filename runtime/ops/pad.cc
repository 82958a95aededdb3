// Pad. Along every dimension the output is at most three segments: before, the input itself
// (cropped where the padding is negative) and after. Edge repeats one position (stride 0), reflect
// walks backwards (stride -1), so every combination of segments is one strided copy; a constant
// fills the output first and copies the middle.
#include <algorithm>

#include "base/half.h"
#include "runtime/copy_step.h"
#include "runtime/ops/families.h"

namespace lutra {
namespace {

struct Segment {
  size_t out_begin, extent;
  ptrdiff_t in_begin, in_step;
};

constexpr size_t kMaxSegments = 3;

struct Plan {
  uint16_t input = 0, output = 0;
  size_t step_count = 0;
  CopyStep* steps = nullptr;
  bool fill = false;
  uint64_t fill_value = 0;  // its first bytes are one element
  size_t element_bytes = 1;
  size_t rows = 0, cols = 0, stride = 0;  // of the output, for filling
  size_t threads = 1;
};

/// The non-empty segments along one dimension; returns how many.
size_t Segments(schema::PadKind kind, ptrdiff_t before, ptrdiff_t in, ptrdiff_t out,
                Segment segments[kMaxSegments]) {
  const ptrdiff_t middle_begin = std::clamp<ptrdiff_t>(before, 0, out);
  const ptrdiff_t middle_end = std::clamp<ptrdiff_t>(before + in, middle_begin, out);
  size_t count = 0;
  const auto add = [&](ptrdiff_t begin, ptrdiff_t end, ptrdiff_t in_begin, ptrdiff_t step) {
    if (begin >= end) return;
    segments[count++] = {static_cast<size_t>(begin), static_cast<size_t>(end - begin), in_begin,
                         step};
  };
  if (kind == schema::PadKind::edge) add(0, middle_begin, 0, 0);
  if (kind == schema::PadKind::reflect) add(0, middle_begin, before, -1);
  add(middle_begin, middle_end, middle_begin - before, 1);
  if (kind == schema::PadKind::edge) add(middle_end, out, in - 1, 0);
  if (kind == schema::PadKind::reflect) add(middle_end, out, in - 2, -1);
  return count;
}

void PlanSteps(PlanScope& scope, const schema::Pad& pad, const Tensor& input, const Tensor& output,
               Plan* plan) {
  Segment segments[kMaxRank][kMaxSegments];
  size_t counts[kMaxRank];
  plan->step_count = 1;
  for (size_t d = 0; d < output.rank; ++d) {
    counts[d] = Segments(pad.kind(), pad.before()->Get(static_cast<flatbuffers::uoffset_t>(d)),
                         static_cast<ptrdiff_t>(input.shape[d]),
                         static_cast<ptrdiff_t>(output.shape[d]), segments[d]);
    plan->step_count *= counts[d];
  }
  plan->steps = scope.block.TakeArray<CopyStep>(plan->step_count);
  if (plan->steps == nullptr) return;
  for (size_t i = 0; i < plan->step_count; ++i) {
    kernels::CopyProblem problem;
    problem.rank = output.rank;
    ptrdiff_t in_offset = 0;
    ptrdiff_t out_offset = 0;
    size_t choice = i;
    for (size_t d = 0; d < output.rank; ++d) {
      const Segment& segment = segments[d][choice % counts[d]];
      choice /= counts[d];
      const auto in_stride = static_cast<ptrdiff_t>(input.Stride(d));
      const auto out_stride = static_cast<ptrdiff_t>(output.Stride(d));
      problem.extent[d] = segment.extent;
      problem.in_stride[d] = segment.in_step * in_stride;
      problem.out_stride[d] = out_stride;
      in_offset += segment.in_begin * in_stride;
      out_offset += static_cast<ptrdiff_t>(segment.out_begin) * out_stride;
    }
    plan->steps[i] = MakeCopyStep(scope, problem, output.element_bytes(), in_offset, out_offset);
  }
}

/// The constant as the type's bytes, the first of the result.
uint64_t FillValue(const schema::Pad& pad, schema::TensorType type) {
  switch (type) {
    case schema::TensorType::int8:
      return static_cast<uint8_t>(pad.int_value());
    case schema::TensorType::float32:
      return __builtin_bit_cast(uint32_t, pad.float_value());
    case schema::TensorType::float16:
      return ToHalf(static_cast<double>(pad.float_value()));
    default:
      return static_cast<uint64_t>(pad.wide_value());
  }
}

Status MakePlan(PlanScope& scope, const Nothing&, Plan* plan) {
  const schema::Pad& pad = *scope.op.options_as_Pad();
  const Tensor input = scope.Input(0);
  const Tensor output = scope.Output(0);
  plan->input = input.index;
  plan->output = output.index;
  plan->fill = pad.kind() == schema::PadKind::constant;
  plan->element_bytes = output.element_bytes();
  plan->fill_value = FillValue(pad, output.type);
  plan->rows = output.pixels();
  plan->cols = output.channels();
  plan->stride = output.pixel_stride;
  plan->threads = scope.ThreadsForBytes(output.elements * output.element_bytes());
  PlanSteps(scope, pad, input, output, plan);
  return Status();
}

void Run(const Plan& plan, const Execution& execution) {
  auto* out = execution.Data<uint8_t>(plan.output);
  if (plan.fill) {
    const auto body = [&](size_t begin, size_t end, void*) {
      kernels::Fill(&plan.fill_value, plan.element_bytes,
                    out + begin * plan.stride * plan.element_bytes, plan.stride, end - begin,
                    plan.cols);
    };
    execution.ParallelRanges(plan.threads, plan.rows, Grain(plan.rows, plan.threads), body);
  }
  const auto* in = execution.Data<const void>(plan.input);
  for (size_t i = 0; i < plan.step_count; ++i) RunCopyStep(plan.steps[i], execution, in, out);
}

Status Prepare(PrepareScope& scope, Nothing*) {
  scope.kernel = "copy";
  return Status();
}

}  // namespace

const OperatorType kPad = MakeOperatorType<Nothing, Plan, Prepare, MakePlan, Run>("Pad");

}  // namespace lutra
