// Which taps of a pooling window count.
#pragma once

#include <algorithm>
#include <cstdint>

namespace lutra::kernels {

/// The taps of one window along one axis: [begin, end) lie inside the image (empty: begin = end),
/// `padded` of them inside the padded image.
struct PoolTaps {
  int32_t begin, end, padded;
};

/// `start`: the position under tap 0, at least -(padding before); tap t lies at start + t *
/// dilation.
inline PoolTaps PoolTapsAt(int32_t start, int32_t kernel, int32_t dilation, int32_t extent,
                           int32_t pad_after) {
  // Taps at positions below `limit`.
  const auto below = [=](int32_t limit) {
    const int32_t room = limit - start;
    return room <= 0 ? 0 : std::min(kernel, (room + dilation - 1) / dilation);
  };
  const int32_t end = below(extent);
  return {std::min(below(0), end), end, below(extent + pad_after)};
}

}  // namespace lutra::kernels
