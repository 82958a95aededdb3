// A sliding window along one axis, as Conv and Pool have two. All in 64 bits: images are at most
// 2^26 wide and window fields 16 bits, so no product overflows.
#pragma once

#include <algorithm>

#include "schema/validate/checks.h"

namespace lutra::validate {

struct WindowAxis {
  int64_t in = 1, out = 1;
  int64_t kernel = 1, stride = 1, dilation = 1;
  int64_t pad_before = 0, pad_after = 0;

  int64_t extent() const { return (kernel - 1) * dilation + 1; }
  int64_t padded() const { return in + pad_before + pad_after; }
  /// floor((padded - extent) / stride) + 1, and the same with ceil (ONNX ceil_mode).
  int64_t out_floor() const { return (padded() - extent()) / stride + 1; }
  int64_t out_ceil() const { return (padded() - extent() + stride - 1) / stride + 1; }
  /// Where window `o` begins; negative in the padding.
  int64_t start(int64_t o) const { return o * stride - pad_before; }

  /// How many positions of the window that begins at `start` lie in [0, end).
  int64_t PositionsBelow(int64_t start, int64_t end) const {
    const int64_t first = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
    const int64_t last = end <= start ? 0 : (end - start + dilation - 1) / dilation;
    return std::max<int64_t>(0, std::min(kernel, last) - first);
  }
};

struct Window {
  WindowAxis height, width;
};

/// Reads the fields Conv and Pool share and checks what both need: an image of rank 4, or of rank 3
/// with nothing to do along the height; the same samples on both sides; no zero field; a window
/// that fits into the padded image.
template <typename Options>
Status ReadWindow(const OperatorUse& use, const Options& options, Window* window) {
  const Dims& in = use.In(0).shape;
  const Dims& out = use.Out().shape;
  if ((in.rank != 3 && in.rank != 4) || out.rank != in.rank || out.d[0] != in.d[0]) {
    return use.Fail("cannot slide a window over %s to give %s", DimsText(in).text,
                    DimsText(out).text);
  }
  const size_t w = in.rank - 2;
  window->width = {in.d[w],
                   out.d[w],
                   options.kernel_w(),
                   options.stride_w(),
                   options.dilation_w(),
                   options.pad_left(),
                   options.pad_right()};
  window->height = {in.rank == 4 ? in.d[1] : 1, in.rank == 4 ? out.d[1] : 1, options.kernel_h(),
                    options.stride_h(),         options.dilation_h(),        options.pad_top(),
                    options.pad_bottom()};
  const WindowAxis& h = window->height;
  if (in.rank == 3 && (h.kernel != 1 || h.stride != 1 || h.dilation != 1 || h.padded() != 1)) {
    return use.Fail("a window with a height over an image without one");
  }
  for (const WindowAxis& axis : {window->height, window->width}) {
    if (axis.kernel < 1 || axis.stride < 1 || axis.dilation < 1) {
      return use.Fail("kernel, stride or dilation is 0");
    }
    if (axis.padded() < axis.extent()) {
      return use.Fail("a window of %lld over %lld padded positions",
                      static_cast<long long>(axis.extent()), static_cast<long long>(axis.padded()));
    }
  }
  return Status();
}

}  // namespace lutra::validate
