// Kernel, strides, dilations and pads of a spatial node, 1-D as height 1.
#pragma once

#include "converter/lower/lowering.h"

namespace lutra::converter::lowering {

struct WindowAttributes {
  uint16_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  uint16_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;

  template <typename OptionsT>
  void CopyTo(OptionsT& options) const {
    options.kernel_h = kernel_h;
    options.kernel_w = kernel_w;
    options.stride_h = stride_h;
    options.stride_w = stride_w;
    options.dilation_h = dilation_h;
    options.dilation_w = dilation_w;
    options.pad_top = pad_top;
    options.pad_left = pad_left;
    options.pad_bottom = pad_bottom;
    options.pad_right = pad_right;
  }
};

/// graph/window.h's in the file's numbers. kernel: spatial sizes (1 or 2); in: an NHWC or NWC
/// shape. Throws Error for other ranks, sizes past 65535, and nodes that are not nhwc.
WindowAttributes ReadWindow(const Node& node, const std::vector<int64_t>& kernel, const Shape& in);

}  // namespace lutra::converter::lowering
