// What convolution, its transpose and pooling share: windows, and the layout of the activations.
#pragma once

#include "converter/graph/window.h"

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

}  // namespace lutra::converter::executor
