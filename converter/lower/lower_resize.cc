// Resize: every coordinate mode of ONNX becomes a source index and, for linear, a weight in 1/2048
// per output position and axis. Indices are computed in float32, as ONNX Runtime does, for nearest
// decides ties by them.
#include <algorithm>
#include <cmath>

#include "converter/lower/lowering.h"

namespace lutra::converter {
namespace {

constexpr float kUnit = 2048;

struct Axis {
  int32_t in, out;
  float scale;  // out / in, or what the node says
};

// ONNX Resize, coordinate_transformation_mode.
float SourceOf(const Node& node, const std::string& mode, const Axis& axis, int32_t position) {
  const auto x = static_cast<float>(position);
  const auto in = static_cast<float>(axis.in), out = static_cast<float>(axis.out);
  if (mode == "half_pixel") return (x + 0.5F) / axis.scale - 0.5F;
  if (mode == "pytorch_half_pixel") return axis.out > 1 ? (x + 0.5F) / axis.scale - 0.5F : 0.0F;
  if (mode == "align_corners") return axis.out == 1 ? 0.0F : x * (in - 1) / (out - 1);
  if (mode == "asymmetric") return x / axis.scale;
  if (mode == "half_pixel_symmetric") {
    const float adjustment = out / (axis.scale * in);
    return in / 2 * (1 - adjustment) + (x + 0.5F) / axis.scale - 0.5F;
  }
  Lowering::Fail(node, "coordinate_transformation_mode " + mode + " is not executed");
}

int32_t Nearest(const Node& node, const std::string& rounding, float x) {
  if (rounding == "round_prefer_floor") return static_cast<int32_t>(std::ceil(x - 0.5F));
  if (rounding == "round_prefer_ceil") return static_cast<int32_t>(std::floor(x + 0.5F));
  if (rounding == "floor") return static_cast<int32_t>(std::floor(x));
  if (rounding == "ceil") return static_cast<int32_t>(std::ceil(x));
  Lowering::Fail(node, "nearest_mode " + rounding + " is not executed");
}

std::unique_ptr<schema::ResizeAxisT> MakeAxis(const Node& node, const Axis& axis, bool linear) {
  const std::string mode = node.String("coordinate_transformation_mode", "half_pixel");
  const std::string rounding = node.String("nearest_mode", "round_prefer_floor");
  auto result = std::make_unique<schema::ResizeAxisT>();
  for (int32_t o = 0; o < axis.out; ++o) {
    // Nothing to interpolate: some modes divide by zero here.
    const float x = axis.in == axis.out && axis.scale == 1 ? static_cast<float>(o)
                                                           : SourceOf(node, mode, axis, o);
    if (!linear) {
      result->source.push_back(
          static_cast<uint16_t>(std::clamp(Nearest(node, rounding, x), 0, axis.in - 1)));
      continue;
    }
    const float inside = std::clamp(x, 0.0F, static_cast<float>(axis.in - 1));
    auto source = static_cast<int32_t>(std::floor(inside));
    auto weight =
        static_cast<int32_t>(std::nearbyint((inside - static_cast<float>(source)) * kUnit));
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
  std::vector<float> scales;
  if (const Tensor* constant = lowering.graph.Constant(node.Input(2))) {
    scales = constant->ToFloats();
  }
  const auto axis = [&](size_t d) {
    const float exact = static_cast<float>(out[d]) / static_cast<float>(in[d]);
    return Axis{in[d], out[d], scales.size() == rank ? scales[d] : exact};
  };
  const std::string mode = node.String("mode", "nearest");
  const bool linear = mode == "linear";
  if (!linear && mode != "nearest") Lowering::Fail(node, "mode " + mode + " is not executed");
  schema::ResizeT resize;
  resize.kind = linear ? schema::ResizeKind::linear : schema::ResizeKind::nearest;
  resize.height = MakeAxis(node, rank == 4 ? axis(1) : Axis{1, 1, 1.0F}, linear);
  resize.width = MakeAxis(node, axis(rank - 2), linear);
  const QuantParams* params = lowering.OutputParams(node);
  const uint16_t input =
      linear ? lowering.UseFor(node, node.inputs[0], in) : lowering.Use(node.inputs[0], params, in);
  if (params && linear) {
    const double ratio =
        static_cast<double>(lowering.tensor(input).scale) / static_cast<double>(params->scale);
    resize.multiplier =
        Multiplier(node, ratio / (static_cast<double>(kUnit) * static_cast<double>(kUnit)));
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
