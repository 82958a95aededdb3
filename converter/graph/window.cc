#include "converter/graph/window.h"

#include <algorithm>

#include "converter/error.h"

namespace lutra::converter {
namespace {

Shape Values(const Node& node, const char* name, size_t count, int64_t otherwise,
             int64_t smallest) {
  Shape values = node.Ints(name, Shape(count, otherwise));
  if (values.size() != count) {
    throw Error("'" + std::string(name) + "' needs " + std::to_string(count) + " values");
  }
  for (const int64_t value : values) {
    if (value < smallest || value > kLargestAxis) {
      throw Error("'" + std::string(name) + "' is outside " + std::to_string(smallest) + ".." +
                  std::to_string(kLargestAxis));
    }
  }
  return values;
}

}  // namespace

Window WindowOf(const Node& node, const Shape& kernel, std::span<const int64_t> input) {
  const size_t rank = input.size();
  Window window;
  window.kernel = node.Ints("kernel_shape", kernel);
  if (window.kernel.size() != rank || (!kernel.empty() && window.kernel != kernel)) {
    throw Error("'kernel_shape' does not match the weights or the input");
  }
  for (const int64_t size : window.kernel) {
    if (size < 1 || size > kLargestAxis) throw Error("'kernel_shape' is out of range");
  }
  window.strides = Values(node, "strides", rank, 1, 1);
  window.dilations = Values(node, "dilations", rank, 1, 1);
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "VALID" && auto_pad != "SAME_UPPER" &&
      auto_pad != "SAME_LOWER") {
    throw Error("'auto_pad' is '" + auto_pad +
                "'; it must be NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  }
  Shape pads = Values(node, "pads", 2 * rank, 0, 0);
  if (auto_pad != "NOTSET") pads.assign(2 * rank, 0);
  window.begin.assign(pads.begin(), pads.begin() + static_cast<int64_t>(rank));
  window.end.assign(pads.begin() + static_cast<int64_t>(rank), pads.end());
  if (auto_pad != "SAME_UPPER" && auto_pad != "SAME_LOWER") return window;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t result = (input[i] + window.strides[i] - 1) / window.strides[i];
    const int64_t total =
        std::max<int64_t>((result - 1) * window.strides[i] + window.Extent(i) - input[i], 0);
    const int64_t smaller = total / 2;
    window.begin[i] = auto_pad == "SAME_UPPER" ? smaller : total - smaller;
    window.end[i] = total - window.begin[i];
  }
  return window;
}

Shape WindowResult(const Window& window, std::span<const int64_t> input, bool ceil_mode) {
  Shape result;
  for (size_t i = 0; i < input.size(); ++i) {
    const int64_t room = input[i] + window.begin[i] + window.end[i] - window.Extent(i);
    if (room < 0) {
      throw Error("a window of " + std::to_string(window.Extent(i)) + " does not fit an axis of " +
                  std::to_string(input[i]) + " with its pads");
    }
    const int64_t stride = window.strides[i];
    int64_t count = room / stride + 1;
    // With ceil_mode one more window, unless it would begin beyond the input and its leading pad.
    if (ceil_mode && room % stride != 0 && count * stride < input[i] + window.begin[i]) ++count;
    result.push_back(count);
  }
  return result;
}

}  // namespace lutra::converter
