// MaxPool and AveragePool.
#include <algorithm>
#include <set>

#include "converter/lower/lowering.h"
#include "converter/lower/window.h"

namespace lutra::converter::lowering {
namespace {

// Distinct numbers of elements that windows along one axis see.
std::set<int64_t> CountsAlong(int64_t in, int64_t out, int64_t kernel, int64_t stride,
                              int64_t dilation, int64_t before, int64_t after, bool include_pad) {
  const int64_t low = include_pad ? -before : 0, high = include_pad ? in + after : in;
  std::set<int64_t> counts;
  for (int64_t o = 0; o < out; ++o) {
    int64_t count = 0;
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t position = o * stride - before + k * dilation;
      count += position >= low && position < high ? 1 : 0;
    }
    counts.insert(count);
  }
  return counts;
}

struct AxisCounts {
  std::set<int64_t> rows, columns;
};

AxisCounts CountsOf(const Shape& in, const Shape& out, const schema::PoolT& pool,
                    bool include_pad) {
  const bool image = in.size() == 4;
  const size_t w = in.size() - 2;
  return {CountsAlong(image ? in[1] : 1, image ? out[1] : 1, pool.kernel_h, pool.stride_h,
                      pool.dilation_h, pool.pad_top, pool.pad_bottom, include_pad),
          CountsAlong(in[w], out[w], pool.kernel_w, pool.stride_w, pool.dilation_w, pool.pad_left,
                      pool.pad_right, include_pad)};
}

// A window of padding alone has no maximum and no mean; neither has the runtime a value for it.
void RefuseEmptyWindows(const Node& node, const Shape& in, const Shape& out,
                        const schema::PoolT& pool) {
  const auto [rows, columns] = CountsOf(in, out, pool, false);
  if (rows.contains(0) || columns.contains(0)) {
    Fail(node, "a window lies wholly in the padding: give it less padding");
  }
}

void SetMultipliers(const Node& node, const Shape& in, const Shape& out,
                    const quantize::QuantParams& in_params, const quantize::QuantParams& out_params,
                    schema::PoolT& pool) {
  const auto [rows, columns] = CountsOf(in, out, pool, pool.count_include_pad);
  std::set<int64_t> counts;
  for (const int64_t r : rows)
    for (const int64_t c : columns) counts.insert(r * c);
  for (const int64_t count : counts) {
    pool.counts.push_back(static_cast<uint32_t>(count));
    pool.multipliers.push_back(
        Multiplier(node, static_cast<double>(in_params.scale) /
                             (static_cast<double>(out_params.scale) * static_cast<double>(count))));
  }
}

}  // namespace

void LowerPool(Lowering& lowering, const Node& node) {
  const Shape in = lowering.ShapeOf(node.inputs[0]), out = lowering.ShapeOf(node.outputs[0]);
  if (node.outputs.size() > 1 && !node.outputs[1].empty()) {
    Fail(node, "the indices of MaxPool are not computed");
  }
  schema::PoolT pool;
  ReadWindow(node, node.Ints("kernel_shape"), in).CopyTo(pool);
  const bool average = node.op == "AveragePool";
  pool.kind = average ? schema::PoolKind::average : schema::PoolKind::max;
  pool.count_include_pad = average && node.Int("count_include_pad", 0) != 0;
  RefuseEmptyWindows(node, in, out, pool);
  const quantize::QuantParams* params = lowering.OutputParams(node);
  if (params && average) {
    SetMultipliers(node, in, out, lowering.ParamsFor(node.inputs[0]), *params, pool);
  }
  const bool clamps_itself = params && average;
  if (clamps_itself && node.clamp) {
    pool.int_range = std::make_unique<schema::IntRange>(IntRangeOf(node, *params));
  }
  const uint16_t input = average ? lowering.UseFor(node, node.inputs[0], in)
                                 : lowering.Use(node.inputs[0], params, in);
  if (clamps_itself || !node.clamp) {
    const uint16_t output = lowering.Define(node.outputs[0], params, out);
    lowering.Emit(node, std::move(pool), {input}, output);
    return;
  }
  const uint16_t unclamped = lowering.Temporary(params, out);
  lowering.Emit(node, std::move(pool), {input}, unclamped);
  EmitClamp(lowering, node, unclamped, params, out);
}

}  // namespace lutra::converter::lowering
