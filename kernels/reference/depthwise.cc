// Reference depthwise convolution: one output element at a time, taps in row-major order.
#include "kernels/codes.h"
#include "kernels/reference/reference.h"

namespace lutra::kernels {
namespace {

constexpr size_t RoundUp(size_t x, size_t multiple) {
  return (x + multiple - 1) / multiple * multiple;
}

size_t PackedFloatBytes(size_t n, size_t k) { return RoundUp(n * (1 + k) * sizeof(float), 64); }

/// Packed form: bias [n], then the weights [n][k].
void PackFloat(const FloatWeights& w, void* packed) {
  auto* bias = static_cast<float*>(packed);
  float* weights = bias + w.n;
  for (size_t n = 0; n < w.n; ++n) {
    bias[n] = w.bias != nullptr ? w.bias[n] : 0.0F;
    for (size_t k = 0; k < w.k; ++k) {
      weights[n * w.k + k] = w.values[n * w.stride_n + k * w.stride_k];
    }
  }
}

void Plan(DepthwiseProblem& problem) { problem.scratch_bytes = 0; }

/// The pixel under tap (kernel_y, kernel_x) of output pixel (out_y, out_x); null in the padding.
template <typename T>
const T* PixelAt(const Window& w, const T* image, int32_t out_y, int32_t out_x, int32_t kernel_y,
                 int32_t kernel_x) {
  const int32_t y = out_y * w.stride_h - w.pad_top + kernel_y * w.dilation_h;
  const int32_t x = out_x * w.stride_w - w.pad_left + kernel_x * w.dilation_w;
  if (y < 0 || y >= w.in_h || x < 0 || x >= w.in_w) return nullptr;
  return image + (static_cast<size_t>(y) * w.in_w + x) * w.in_pixel_stride;
}

/// Calls element(image, row, column, channel, output) for every element of the given rows.
template <typename T, class Element>
void ForEachOutput(const DepthwiseProblem& p, const T* in, T* out, size_t row_begin, size_t row_end,
                   Element element) {
  const Window& w = p.window;
  for (size_t row = row_begin; row < row_end; ++row) {
    const T* image = in + row / w.out_h * w.in_h * w.in_w * w.in_pixel_stride;
    for (int32_t x = 0; x < w.out_w; ++x) {
      T* pixel = out + (row * w.out_w + x) * w.out_pixel_stride;
      for (size_t n = 0; n < p.channels * p.channel_multiplier; ++n) {
        pixel[n] = element(image, static_cast<int32_t>(row % w.out_h), x, n);
      }
    }
  }
}

void RunInt(const DepthwiseProblem& p, const int8_t* in, const void* packed, int8_t* out,
            size_t row_begin, size_t row_end, void*) {
  const Window& w = p.window;
  const size_t taps = static_cast<size_t>(w.kernel_h) * w.kernel_w;
  const IntWeights weights =
      StoredWeights(packed, p.channels * p.channel_multiplier, taps, p.form, p.left_zero_point);
  ForEachOutput(p, in, out, row_begin, row_end,
                [&](const int8_t* image, int32_t out_y, int32_t out_x, size_t n) {
                  auto acc = static_cast<uint32_t>(weights.bias[n]);
                  size_t tap = 0;
                  for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
                    for (int32_t kx = 0; kx < w.kernel_w; ++kx, ++tap) {
                      const int8_t* pixel = PixelAt(w, image, out_y, out_x, ky, kx);
                      if (pixel == nullptr) continue;  // reads the zero point
                      const int32_t x = pixel[n / p.channel_multiplier] - p.left_zero_point;
                      const int32_t weight = WeightAt(weights, n, tap) - weights.zero_points[n];
                      acc += static_cast<uint32_t>(x * weight);
                    }
                  }
                  return RequantizeSum(static_cast<int32_t>(acc), weights, n, p.curve, p.output);
                });
}

void RunFloat(const DepthwiseProblem& p, const float* in, const void* packed, float* out,
              size_t row_begin, size_t row_end, void*) {
  const Window& w = p.window;
  const auto* bias = static_cast<const float*>(packed);
  const float* weights = bias + p.channels * p.channel_multiplier;
  ForEachOutput(p, in, out, row_begin, row_end,
                [&](const float* image, int32_t out_y, int32_t out_x, size_t n) {
                  float sum = 0.0F;
                  const float* weight = weights + n * static_cast<size_t>(w.kernel_h * w.kernel_w);
                  for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
                    for (int32_t kx = 0; kx < w.kernel_w; ++kx, ++weight) {
                      const float* pixel = PixelAt(w, image, out_y, out_x, ky, kx);
                      const float x = pixel != nullptr ? pixel[n / p.channel_multiplier] : 0.0F;
                      sum += x * *weight;
                    }
                  }
                  return Clamp(sum + bias[n], p.clamp);
                });
}

}  // namespace

IntDepthwiseKernels ReferenceIntDepthwise() {
  return {&StoredBytes, &StoreWeights, &Plan, &RunInt};
}

FloatDepthwiseKernels ReferenceFloatDepthwise() {
  return {&PackedFloatBytes, &PackFloat, &Plan, &RunFloat};
}

}  // namespace lutra::kernels
