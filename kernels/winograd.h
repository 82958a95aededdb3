// When a convolution may run by Winograd's F(2x2, 3x3) on the rows that have it (Row::int_winograd;
// winograd-inl.h has the algorithm). It takes 16 products where the plain way takes 36, and 3.6
// times the memory for packed weights, in exact arithmetic: the bytes are the same.
#pragma once

#include "kernels/gemm.h"

namespace lutra::kernels {

/// Of the output. 7x7 pixels of 512 channels take as long as the plain way: a quarter of the tiles
/// lies outside, and the longer weights must be read.
constexpr int64_t kLeastWinogradPixels = 64;
/// The transform of the weights is scaled by 4, so four times a sum must fit int32:
/// 4 * 9 * channels * 128 * 128 < 2^31. The transform of the image takes 16 channels at once.
constexpr size_t kMostWinogradChannels = 3584;

/// `channels` per group; the weights have no zero points.
inline bool SuitsWinograd(const Window& w, size_t channels) {
  return w.kernel_h == 3 && w.kernel_w == 3 && w.stride_h == 1 && w.stride_w == 1 &&
         w.dilation_h == 1 && w.dilation_w == 1 && channels % 16 == 0 &&
         channels <= kMostWinogradChannels && int64_t{w.out_h} * w.out_w >= kLeastWinogradPixels;
}

}  // namespace lutra::kernels
