// Resize of the width and height of an image: the positions and weights that the float executor
// computes with (executor/resize_axes.h) become a source index and, for linear, a weight in 1/2048
// per output position and axis.
#include <algorithm>
#include <cmath>

#include "converter/error.h"
#include "converter/graph/resize_axes.h"
#include "converter/lower/lowering.h"

namespace lutra::converter::lowering {
namespace {

constexpr double kUnit = 2048;

std::vector<ResizeAxis> ReadAxes(const Lowering& lowering, const Node& node, const Shape& in,
                                 const Shape& out) {
  const Tensor *scales = lowering.graph.Constant(node.Input(2)),
               *sizes = lowering.graph.Constant(node.Input(3));
  // The shape says what the network computes.
  std::vector<int64_t> lengths(out.begin(), out.end());
  std::rotate(lengths.begin() + 1, lengths.end() - 1, lengths.end());
  const auto rank = static_cast<int64_t>(lengths.size());
  const Tensor known = Tensor::Of({rank}, std::move(lengths));
  if (scales == nullptr && sizes == nullptr) sizes = &known;
  try {
    return ResizeAxes(node, {in.begin(), in.end()}, lowering.graph.Constant(node.Input(1)), scales,
                      sizes);
  } catch (const Error& error) {
    Fail(node, error.what());
  }
}

std::unique_ptr<schema::ResizeAxisT> MakeAxis(const Node& node, const ResizeAxis& axis,
                                              bool linear) {
  auto result = std::make_unique<schema::ResizeAxisT>();
  for (const ResizeTaps& taps : axis.taps) {
    if (taps.index.empty()) Fail(node, "reads beyond the image (tf_crop_and_resize)");
    int64_t source = taps.index[0];
    if (linear) {
      const bool between = taps.index.size() > 1 && taps.index[1] != source;
      auto weight =
          between
              ? static_cast<int32_t>(std::nearbyint(static_cast<double>(taps.weight[1]) * kUnit))
              : 0;
      if (weight == static_cast<int32_t>(kUnit)) {
        ++source;
        weight = 0;
      }
      result->weight.push_back(static_cast<uint16_t>(weight));
    }
    result->source.push_back(static_cast<uint16_t>(source));
  }
  return result;
}

}  // namespace

void LowerResize(Lowering& lowering, const Node& node) {
  const Shape in = lowering.ShapeOf(node.inputs[0]), out = lowering.ShapeOf(node.outputs[0]);
  const size_t rank = in.size();
  if (node.layout != Layout::nhwc || rank < 3 || rank > 4 || out.size() != rank ||
      in[0] != out[0] || in.back() != out.back()) {
    Fail(node, "is not a resize of the width and height of an image");
  }
  for (size_t d = 0; d < rank; ++d) {
    if (in[d] > 65536) Fail(node, "resizes an axis of " + std::to_string(in[d]));
  }
  const std::string mode = node.String("mode", "nearest");
  const bool linear = mode == "linear";
  if (!linear && mode != "nearest") Fail(node, "mode " + mode + " is not executed");
  if (linear && (node.Int("antialias", 0) != 0 || node.Int("exclude_outside", 0) != 0)) {
    Fail(node, "antialias and exclude_outside are not executed");
  }
  const std::vector<ResizeAxis> axes = ReadAxes(lowering, node, in, out);
  schema::ResizeT resize;
  resize.kind = linear ? schema::ResizeKind::linear : schema::ResizeKind::nearest;
  if (rank == 4) resize.height = MakeAxis(node, axes[1], linear);
  resize.width = MakeAxis(node, axes[rank - 2], linear);
  const quantize::QuantParams* params = lowering.OutputParams(node);
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

}  // namespace lutra::converter::lowering
