// Geometry shared by the kernels. Everything is NHWC; sizes are elements unless a name says bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lutra::kernels {

/// A sliding window over one batch of images [batch, in_h, in_w, channels]; 1-D has height 1.
/// Padding is implied: input positions outside the image read the padding value of the operation.
struct Window {
  size_t batch = 1;
  int32_t in_h = 1, in_w = 1;
  int32_t out_h = 1, out_w = 1;
  int32_t kernel_h = 1, kernel_w = 1;
  int32_t stride_h = 1, stride_w = 1;
  int32_t dilation_h = 1, dilation_w = 1;
  int32_t pad_top = 0, pad_left = 0;
  /// Elements from one pixel to the next, at least the channels (more inside an in-place concat).
  size_t in_pixel_stride = 0, out_pixel_stride = 0;
};

/// rows x cols elements; consecutive elements of a row are `col_step` apart (1, or 0 to repeat one
/// value), rows are `stride` apart (0 repeats one row).
template <typename T>
struct View {
  T* data;
  size_t stride;
  size_t col_step = 1;
};

/// Output range of an integer operator and where it is placed: the last step of the one
/// requantization rule of docs/quantization.md,
///   q = zero_point + int(round_half_even(min(max(float(acc) * m, float(lo - zero_point)),
///                                            float(hi - zero_point)))).
struct OutputQuant {
  int32_t zero_point = 0;
  int32_t lo = -128, hi = 127;
};

/// Clamp of a float operator; the defaults clamp nothing (NaN passes through).
struct FloatClamp {
  float lo = -__builtin_inff(), hi = __builtin_inff();
};

}  // namespace lutra::kernels
