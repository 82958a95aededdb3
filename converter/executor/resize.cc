// Resize as ONNX 18 defines it. It is separable: every axis has its own positions and weights
// (resize_axes.h), and the axes are resized one after the other.
#include "converter/executor/operator.h"
#include "converter/executor/resize_axes.h"
#include "converter/executor/strides.h"

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

Results Resize(const Call& call) {
  const Tensor& x = call.Input(0);
  if (x.elements() == 0) throw Error("the input is empty");
  const std::vector<ResizeAxis> axes =
      ResizeAxes(call.node, x.dims(), call.Optional(1), call.Optional(2), call.Optional(3));
  const bool nearest = call.node.String("mode", "nearest") == "nearest";
  // Where any axis lies outside the crop, the whole element is the extrapolation value.
  bool outside = false;
  std::vector<Shape> maps(x.rank());
  for (size_t axis = 0; axis < x.rank(); ++axis) {
    const std::vector<ResizeTaps>& taps = axes[axis].taps;
    for (size_t i = 0; i < taps.size(); ++i) {
      const bool empty = taps[i].index.empty();
      outside = outside || empty;
      const int64_t inside = nearest && !empty ? taps[i].index[0] : static_cast<int64_t>(i);
      maps[axis].push_back(empty ? -1 : inside);
    }
  }
  const Tensor fill =
      Tensor::Of({}, std::vector<float>{call.node.Float("extrapolation_value", 0)}).Cast(x.type());
  if (nearest) return {SelectAxes(x, maps, &fill)};
  Tensor y = x.Cast(DataType::float32);
  for (size_t axis = 0; axis < x.rank(); ++axis) {
    if (axes[axis].changes) y = Resized(y, axis, axes[axis].taps);
  }
  y = y.Cast(x.type());
  return {outside ? SelectAxes(y, maps, &fill) : std::move(y)};
}

constexpr Operator kResizeOperators[] = {{"Resize", Resize, Precision::any, WhyNotResize}};

}  // namespace

OperatorRows ResizeOperators() { return kResizeOperators; }

}  // namespace lutra::converter::executor
