// The geometry that convolution, its transpose and pooling share: kernel, strides, dilations and
// padding per spatial axis, whatever their number, and the layout of the activations.
#pragma once

#include "converter/executor/strides.h"
#include "converter/graph/graph.h"

namespace lutra::converter::executor {

/// Dims of activations in ONNX's order, N, C, spatial..., and the strides at which they lie.
struct Activation {
  Shape dims, strides;
  int64_t Batch() const { return dims[0]; }
  int64_t Channels() const { return dims[1]; }
  std::span<const int64_t> Spatial() const { return std::span(dims).subspan(2); }
  /// Dims of the tensor as it lies in memory.
  Shape Stored(Layout layout) const;
};

/// Of a tensor of these dims as they lie. Throws Error when it has no spatial axis.
Activation ActivationOf(const Shape& dims, Layout layout);
inline Activation ActivationOf(const Tensor& tensor, Layout layout) {
  return ActivationOf(tensor.dims(), layout);
}
Activation MakeActivation(int64_t batch, int64_t channels, const Shape& spatial, Layout layout);

struct Window {
  Shape kernel, strides, dilations, begin, end;

  /// The number of input elements from the first to the last of a window.
  int64_t Extent(size_t axis) const { return (kernel[axis] - 1) * dilations[axis] + 1; }
};

/// From the attributes (kernel_shape: `kernel` unless given), with auto_pad resolved for an input
/// of these spatial dims. Throws Error on attributes of the wrong length or range.
Window WindowOf(const Node& node, const Shape& kernel, std::span<const int64_t> input);

/// Spatial dims of the result of a convolution or pooling. Throws Error when a window does not fit.
Shape WindowResult(const Window& window, std::span<const int64_t> input, bool ceil_mode);

}  // namespace lutra::converter::executor
