#include "converter/lower/window.h"

#include <algorithm>

namespace lutra::converter::lowering {

WindowAttributes ReadWindow(const Node& node, const std::vector<int64_t>& kernel, const Shape& in,
                            const Shape& out) {
  const size_t axes = kernel.size();
  if (node.layout != Layout::nhwc) Lowering::Fail(node, "is not in channels-last layout");
  if (axes < 1 || axes > 2 || in.size() != axes + 2 || out.size() != in.size()) {
    Lowering::Fail(node,
                   "has " + std::to_string(axes) + " spatial dimensions; 1 and 2 are executed");
  }
  const std::vector<int64_t> ones(axes, 1), zeros(2 * axes, 0);
  const std::vector<int64_t> strides = node.Ints("strides", ones);
  const std::vector<int64_t> dilations = node.Ints("dilations", ones);
  std::vector<int64_t> pads = node.Ints("pads", zeros);
  const std::string automatic = node.String("auto_pad", "NOTSET");
  if (automatic == "VALID") pads = zeros;
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    for (size_t a = 0; a < axes; ++a) {
      const int64_t reach = (out[a + 1] - 1) * strides[a] + (kernel[a] - 1) * dilations[a] + 1;
      const int64_t total = std::max<int64_t>(0, reach - in[a + 1]);
      pads[a] = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
      pads[axes + a] = total - pads[a];
    }
  }
  if (strides.size() != axes || dilations.size() != axes || pads.size() != 2 * axes) {
    Lowering::Fail(node, "strides, dilations or pads do not match its kernel");
  }
  const auto small = [&](int64_t value) {
    if (value < 0 || value > 65535) {
      Lowering::Fail(node, "kernel, stride, dilation or pad of " + std::to_string(value));
    }
    return static_cast<uint16_t>(value);
  };
  WindowAttributes window;
  const size_t w = axes - 1;
  window.kernel_w = small(kernel[w]);
  window.stride_w = small(strides[w]);
  window.dilation_w = small(dilations[w]);
  window.pad_left = small(pads[w]);
  window.pad_right = small(pads[axes + w]);
  if (axes == 2) {
    window.kernel_h = small(kernel[0]);
    window.stride_h = small(strides[0]);
    window.dilation_h = small(dilations[0]);
    window.pad_top = small(pads[0]);
    window.pad_bottom = small(pads[2]);
  }
  return window;
}

}  // namespace lutra::converter::lowering
