// Resize as ONNX 18 defines it. It is separable: every axis has its own positions and weights
// (resize_axes.h), and the axes are resized one after the other.
#include <algorithm>

#include "converter/executor/gradient.h"
#include "converter/executor/strides.h"
#include "converter/graph/resize_axes.h"

namespace lutra::converter::executor {
namespace {

Tensor Resized(const Tensor& x, size_t axis, const std::vector<ResizeTaps>& taps) {
  Shape dims = x.dims();
  const int64_t length = dims[axis];
  dims[axis] = static_cast<int64_t>(taps.size());
  Tensor y(DataType::float32, dims);
  const int64_t inner = Count(std::span(dims).subspan(axis + 1));
  const int64_t outer = Count(std::span(dims).first(axis));
  const float* from = x.as<float>().data();
  float* to = y.as<float>().data();
  for (int64_t o = 0; o < outer; ++o) {
    for (const ResizeTaps& position : taps) {
      for (size_t k = 0; k < position.index.size(); ++k) {
        const float weight = position.weight[k];
        const float* line = from + (o * length + position.index[k]) * inner;
        for (int64_t i = 0; i < inner; ++i) to[i] += weight * line[i];
      }
      to += inner;
    }
  }
  return y;
}

/// Resized backwards: what every position gives back to those that it was made of.
Tensor Unresized(const Tensor& g, size_t axis, int64_t length,
                 const std::vector<ResizeTaps>& taps) {
  Shape dims = g.dims();
  dims[axis] = length;
  Tensor x(DataType::float32, dims);
  const int64_t inner = Count(std::span(dims).subspan(axis + 1));
  const int64_t outer = Count(std::span(dims).first(axis));
  const float* from = g.as<float>().data();
  float* const to = x.as<float>().data();
  for (int64_t o = 0; o < outer; ++o) {
    for (const ResizeTaps& position : taps) {
      for (size_t k = 0; k < position.index.size(); ++k) {
        const float weight = position.weight[k];
        float* const line = to + (o * length + position.index[k]) * inner;
        for (int64_t i = 0; i < inner; ++i) line[i] += weight * from[i];
      }
      from += inner;
    }
  }
  return x;
}

bool IsNearest(const Node& node) { return node.String("mode", "nearest") == "nearest"; }

/// For every axis the input position (nearest) or position itself that each one of the result
/// takes, -1 where it lies outside the crop: there the whole element is the extrapolation value.
std::vector<Shape> ResizeMaps(const Node& node, const std::vector<ResizeAxis>& axes) {
  std::vector<Shape> maps(axes.size());
  for (size_t axis = 0; axis < axes.size(); ++axis) {
    const std::vector<ResizeTaps>& taps = axes[axis].taps;
    for (size_t i = 0; i < taps.size(); ++i) {
      const bool empty = taps[i].index.empty();
      const int64_t inside = IsNearest(node) && !empty ? taps[i].index[0] : static_cast<int64_t>(i);
      maps[axis].push_back(empty ? -1 : inside);
    }
  }
  return maps;
}

bool HasOutside(const std::vector<Shape>& maps) {
  return std::ranges::any_of(maps,
                             [](const Shape& map) { return std::ranges::count(map, -1) > 0; });
}

Results Resize(const Call& call) {
  const Tensor& x = call.Input(0);
  if (x.elements() == 0) throw Error("the input is empty");
  const std::vector<ResizeAxis> axes =
      ResizeAxes(call.node, x.dims(), call.Optional(1), call.Optional(2), call.Optional(3));
  const std::vector<Shape> maps = ResizeMaps(call.node, axes);
  const Tensor fill =
      Tensor::Of({}, std::vector<float>{call.node.Float("extrapolation_value", 0)}).Cast(x.type());
  if (IsNearest(call.node)) return {SelectAxes(x, maps, &fill)};
  Tensor y = x.Cast(DataType::float32);
  for (size_t axis = 0; axis < x.rank(); ++axis) {
    if (axes[axis].changes) y = Resized(y, axis, axes[axis].taps);
  }
  y = y.Cast(x.type());
  return {HasOutside(maps) ? SelectAxes(y, maps, &fill) : std::move(y)};
}

/// Scales and sizes are constants.
Gradients ResizeGradient(const GradientCall& call) {
  const Shape& dims = call.input_dims[0];
  const std::vector<ResizeAxis> axes =
      ResizeAxes(call.node, dims, call.Optional(1), call.Optional(2), call.Optional(3));
  const std::vector<Shape> maps = ResizeMaps(call.node, axes);
  Gradients gradients = call.None();
  if (IsNearest(call.node)) {
    gradients[0] = SumSelected(call.Of(), maps, dims);
    return gradients;
  }
  Tensor g = HasOutside(maps) ? SumSelected(call.Of(), maps, call.Of().dims()) : call.Of();
  for (size_t axis = dims.size(); axis-- > 0;) {
    if (axes[axis].changes) g = Unresized(g, axis, dims[axis], axes[axis].taps);
  }
  gradients[0] = std::move(g);
  return gradients;
}

constexpr Operator kResizeOperators[] = {
    Trainable({"Resize", Resize, Precision::any, WhyNotResize}, {.run = ResizeGradient}),
};

}  // namespace

OperatorRows ResizeOperators() { return kResizeOperators; }

}  // namespace lutra::converter::executor
