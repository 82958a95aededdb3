// Windows that slide over images, as convolution, its transpose and pooling have them: kernel,
// strides, dilations and padding per spatial axis, whatever their number.
#pragma once

#include "converter/graph/shape.h"

namespace lutra::converter {

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

}  // namespace lutra::converter
