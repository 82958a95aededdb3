// Means, sums and maxima over axes, and global pooling.
#include <algorithm>
#include <numeric>

#include "converter/graph/shape.h"
#include "converter/lower/lowering.h"

namespace lutra::converter::lowering {
namespace {

struct Reduction {
  schema::ReduceKind kind;
  std::vector<int64_t> axes;  // of the input, ascending
};

std::vector<int64_t> SpatialAxes(const Node& node, size_t rank) {
  const int64_t first = node.layout == Layout::nhwc ? 1 : 2;
  std::vector<int64_t> axes(rank - 2);
  std::iota(axes.begin(), axes.end(), first);
  return axes;
}

Reduction ReductionOf(const Lowering& lowering, const Node& node, size_t rank) {
  using schema::ReduceKind;
  if (node.op == "GlobalAveragePool") return {ReduceKind::mean, SpatialAxes(node, rank)};
  if (node.op == "GlobalMaxPool") return {ReduceKind::max, SpatialAxes(node, rank)};
  static const std::map<std::string_view, ReduceKind> kKinds = {
      {"ReduceMean", ReduceKind::mean}, {"ReduceSum", ReduceKind::sum},
      {"ReduceMax", ReduceKind::max},   {"ReduceMin", ReduceKind::min},
      {"ReduceProd", ReduceKind::prod}, {"ReduceL2", ReduceKind::l2}};
  Reduction reduction{kKinds.at(node.op), {}};
  if (!node.Input(1).empty()) {
    const Tensor* axes = lowering.graph.Constant(node.Input(1));
    if (axes == nullptr) Fail(node, "its axes are computed by the network");
    for (const int64_t axis : axes->ToInts()) {
      reduction.axes.push_back(AxisOf(node, axis, rank));
    }
  }
  if (reduction.axes.empty() && node.Int("noop_with_empty_axes", 0) == 0) {
    reduction.axes.resize(rank);
    std::iota(reduction.axes.begin(), reduction.axes.end(), 0);
  }
  std::ranges::sort(reduction.axes);
  return reduction;
}

}  // namespace

void LowerReduce(Lowering& lowering, const Node& node) {
  Shape in = lowering.ShapeOf(node.inputs[0]);
  Reduction reduction = ReductionOf(lowering, node, in.size());
  std::vector<int64_t>& axes = reduction.axes;
  if (axes.empty()) {
    LowerReshape(lowering, node);
    return;
  }
  if (axes[0] == 0) {
    in = Lifted(in);
    for (int64_t& axis : axes) ++axis;
  }
  const quantize::QuantParams* params = lowering.OutputParams(node);
  uint16_t input = reduction.kind == schema::ReduceKind::max
                       ? lowering.Use(node.inputs[0], params, in)
                       : lowering.UseFor(node, node.inputs[0], in);
  // The file reduces neighbouring axes: others are brought to the end.
  Shape shape = in;
  if (axes.back() - axes.front() + 1 != static_cast<int64_t>(axes.size())) {
    std::vector<int64_t> permutation;
    for (int64_t d = 0; d < static_cast<int64_t>(in.size()); ++d) {
      if (!std::ranges::binary_search(axes, d)) permutation.push_back(d);
    }
    const auto kept = static_cast<int64_t>(permutation.size());
    permutation.insert(permutation.end(), axes.begin(), axes.end());
    input = EmitTranspose(lowering, node, input, permutation);
    std::iota(axes.begin(), axes.end(), kept);
    shape = lowering.tensor(input).shape;
  }
  schema::ReduceT reduce;
  reduce.kind = reduction.kind;
  double count = 1;
  for (const int64_t axis : axes) {
    reduce.axes.push_back(static_cast<uint8_t>(axis));
    count *= shape[static_cast<size_t>(axis)];
    shape[static_cast<size_t>(axis)] = 1;
  }
  const bool sums =
      reduction.kind == schema::ReduceKind::mean || reduction.kind == schema::ReduceKind::sum;
  const bool clamps_itself = params && sums;
  if (clamps_itself) {
    const double ratio =
        static_cast<double>(lowering.tensor(input).scale) / static_cast<double>(params->scale);
    reduce.multiplier =
        Multiplier(node, reduction.kind == schema::ReduceKind::mean ? ratio / count : ratio);
    reduce.int_range = std::make_unique<schema::IntRange>(IntRangeOf(node, *params));
  }
  if (clamps_itself || !node.clamp) {
    const uint16_t output = lowering.Define(node.outputs[0], params, shape);
    lowering.Emit(node, std::move(reduce), {input}, output);
    return;
  }
  const uint16_t unclamped = lowering.Temporary(params, shape);
  lowering.Emit(node, std::move(reduce), {input}, unclamped);
  EmitClamp(lowering, node, unclamped, params, shape);
}

}  // namespace lutra::converter::lowering
