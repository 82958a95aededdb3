#include "converter/lower/window.h"

#include "converter/graph/window.h"

namespace lutra::converter::lowering {

WindowAttributes ReadWindow(const Node& node, const std::vector<int64_t>& kernel, const Shape& in) {
  if (node.layout != Layout::nhwc) Fail(node, "is not in channels-last layout");
  const size_t axes = kernel.size();
  if (axes < 1 || axes > 2 || in.size() != axes + 2) {
    Fail(node, "has " + std::to_string(axes) + " spatial dimensions; 1 and 2 are executed");
  }
  const std::vector<int64_t> image(in.begin() + 1, in.end() - 1);
  const Window window = WindowOf(node, kernel, image);
  const auto small = [&](int64_t value) {
    if (value < 0 || value > 65535) {
      Fail(node, "kernel, stride, dilation or pad of " + std::to_string(value));
    }
    return static_cast<uint16_t>(value);
  };
  WindowAttributes result;
  const size_t w = axes - 1;
  result.kernel_w = small(window.kernel[w]);
  result.stride_w = small(window.strides[w]);
  result.dilation_w = small(window.dilations[w]);
  result.pad_left = small(window.begin[w]);
  result.pad_right = small(window.end[w]);
  if (axes == 2) {
    result.kernel_h = small(window.kernel[0]);
    result.stride_h = small(window.strides[0]);
    result.dilation_h = small(window.dilations[0]);
    result.pad_top = small(window.begin[0]);
    result.pad_bottom = small(window.end[0]);
  }
  return result;
}

}  // namespace lutra::converter::lowering
