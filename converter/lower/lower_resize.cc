// Resize: every coordinate mode of ONNX becomes a source index and, for linear, a weight in 1/2048
// per output position and axis. The float executor is the definition; positions are computed in
// double as there, for ties of nearest depend on them.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "converter/lower/lowering.h"

namespace lutra::converter {
namespace {

constexpr double kUnit = 2048;

struct Axis {
  int32_t in, out;
  double scale;  // out / in, or what the node says
};

// ONNX Resize, coordinate_transformation_mode.
double SourceOf(const Node& node, const std::string& mode, const Axis& axis, int32_t position) {
  const double x = position, in = axis.in, out = axis.out;
  if (mode == "half_pixel") return (x + 0.5) / axis.scale - 0.5;
  if (mode == "pytorch_half_pixel") return axis.out > 1 ? (x + 0.5) / axis.scale - 0.5 : 0;
  // ONNX takes the resized length as it is before rounding down.
  if (mode == "align_corners") return axis.out == 1 ? 0 : x * (in - 1) / (axis.scale * in - 1);
  if (mode == "asymmetric") return x / axis.scale;
  if (mode == "tf_half_pixel_for_nn") return (x + 0.5) / axis.scale;
  if (mode == "half_pixel_symmetric") {
    return in / 2 * (1 - out / (axis.scale * in)) + (x + 0.5) / axis.scale - 0.5;
  }
  Lowering::Fail(node, "coordinate_transformation_mode " + mode + " is not executed");
}

int32_t Nearest(const Node& node, const std::string& rounding, double x) {
  if (rounding == "round_prefer_floor") return static_cast<int32_t>(std::ceil(x - 0.5));
  if (rounding == "round_prefer_ceil") return static_cast<int32_t>(std::floor(x + 0.5));
  if (rounding == "floor") return static_cast<int32_t>(std::floor(x));
  if (rounding == "ceil") return static_cast<int32_t>(std::ceil(x));
  Lowering::Fail(node, "nearest_mode " + rounding + " is not executed");
}

// Per dimension in ONNX's order (N, C, H, W), which the node keeps in every layout; 0 where it does
// not say.
std::vector<double> ScalesOf(const Lowering& lowering, const Node& node, size_t rank) {
  std::vector<double> scales(rank, 0);
  const Tensor* constant = lowering.graph.Constant(node.Input(2));
  if (constant == nullptr || constant->elements() == 0) return scales;
  const std::vector<float> values = constant->ToFloats();
  std::vector<int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  axes = node.Ints("axes", axes);
  if (axes.size() != values.size()) Lowering::Fail(node, "its scales do not match its axes");
  for (size_t i = 0; i < axes.size(); ++i) {
    scales[static_cast<size_t>(AxisOf(node, axes[i], rank))] = static_cast<double>(values[i]);
  }
  return scales;
}

std::unique_ptr<schema::ResizeAxisT> MakeAxis(const Node& node, const Axis& axis, bool linear) {
  const std::string mode = node.String("coordinate_transformation_mode", "half_pixel");
  const std::string rounding = node.String("nearest_mode", "round_prefer_floor");
  auto result = std::make_unique<schema::ResizeAxisT>();
  for (int32_t o = 0; o < axis.out; ++o) {
    // Nothing to interpolate: some modes divide by zero here.
    const double x = axis.in == axis.out && axis.scale == 1 ? o : SourceOf(node, mode, axis, o);
    if (!linear) {
      result->source.push_back(
          static_cast<uint16_t>(std::clamp(Nearest(node, rounding, x), 0, axis.in - 1)));
      continue;
    }
    const double inside = std::clamp(x, 0.0, static_cast<double>(axis.in - 1));
    auto source = static_cast<int32_t>(std::floor(inside));
    auto weight = static_cast<int32_t>(std::nearbyint((inside - source) * kUnit));
    if (weight == static_cast<int32_t>(kUnit)) {
      ++source;
      weight = 0;
    }
    result->source.push_back(static_cast<uint16_t>(source));
    result->weight.push_back(static_cast<uint16_t>(weight));
  }
  return result;
}

}  // namespace

void LowerResize(Lowering& lowering, const Node& node) {
  const Shape in = lowering.ShapeOf(node.inputs[0]), out = lowering.ShapeOf(node.outputs[0]);
  const size_t rank = in.size();
  if (node.layout != Layout::nhwc || rank < 3 || rank > 4 || out.size() != rank ||
      in[0] != out[0] || in.back() != out.back()) {
    Lowering::Fail(node, "is not a resize of the width and height of an image");
  }
  for (size_t d = 0; d < rank; ++d) {
    if (in[d] > 65536) Lowering::Fail(node, "resizes an axis of " + std::to_string(in[d]));
  }
  if (node.Int("antialias", 0) != 0 || node.Int("exclude_outside", 0) != 0) {
    Lowering::Fail(node, "antialias and exclude_outside are not executed");
  }
  const std::vector<double> scales = ScalesOf(lowering, node, rank);
  const auto axis = [&](size_t d) {
    const double exact = static_cast<double>(out[d]) / in[d];
    const double scale = scales[d + 1];  // behind the channels
    return Axis{in[d], out[d], scale > 0 ? scale : exact};
  };
  const std::string mode = node.String("mode", "nearest");
  const bool linear = mode == "linear";
  if (!linear && mode != "nearest") Lowering::Fail(node, "mode " + mode + " is not executed");
  schema::ResizeT resize;
  resize.kind = linear ? schema::ResizeKind::linear : schema::ResizeKind::nearest;
  if (rank == 4) resize.height = MakeAxis(node, axis(1), linear);
  resize.width = MakeAxis(node, axis(rank - 2), linear);
  const QuantParams* params = lowering.OutputParams(node);
  const uint16_t input =
      linear ? lowering.UseFor(node, node.inputs[0], in) : lowering.Use(node.inputs[0], params, in);
  if (params && linear) {
    const double ratio =
        static_cast<double>(lowering.tensor(input).scale) / static_cast<double>(params->scale);
    resize.multiplier = Multiplier(node, ratio / (kUnit * kUnit));
  }
  if (!node.clamp) {
    const uint16_t output = lowering.Define(node.outputs[0], params, out);
    lowering.Emit(node, std::move(resize), {input}, output);
    return;
  }
  const uint16_t unclamped = lowering.Temporary(params, out);
  lowering.Emit(node, std::move(resize), {input}, unclamped);
  EmitClamp(lowering, node, unclamped, params, out);
}

}  // namespace lutra::converter
