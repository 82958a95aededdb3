// Reference pooling: one output element at a time, taps in row-major order.
#include <algorithm>

#include "kernels/reference/float_lane.h"
#include "kernels/reference/reference.h"

namespace lutra::kernels {
namespace {

/// The taps of one window along one axis: [begin, end) lie inside the image, `padded` of them
/// inside the padded image.
struct Taps {
  int32_t begin, end, padded;
};

Taps TapsAt(int32_t start, int32_t kernel, int32_t dilation, int32_t extent, int32_t pad_after) {
  Taps taps = {kernel, 0, 0};
  for (int32_t tap = 0; tap < kernel; ++tap) {
    const int32_t position = start + tap * dilation;
    if (position < extent + pad_after) ++taps.padded;
    if (position < 0 || position >= extent) continue;
    taps.begin = std::min(taps.begin, tap);
    taps.end = tap + 1;
  }
  taps.begin = std::min(taps.begin, taps.end);
  return taps;
}

/// Calls first(), tap(value) for each tap inside the image, then result(count) for every output.
template <typename T, class Accumulator>
void Pool(const PoolProblem& p, const T* in, T* out, size_t row_begin, size_t row_end,
          Accumulator accumulator) {
  const Window& w = p.window;
  for (size_t row = row_begin; row < row_end; ++row) {
    const T* image = in + row / w.out_h * w.in_h * w.in_w * w.in_pixel_stride;
    const int32_t top = static_cast<int32_t>(row % w.out_h) * w.stride_h - w.pad_top;
    const Taps rows = TapsAt(top, w.kernel_h, w.dilation_h, w.in_h, p.pad_bottom);
    for (int32_t x = 0; x < w.out_w; ++x) {
      const int32_t left = x * w.stride_w - w.pad_left;
      const Taps cols = TapsAt(left, w.kernel_w, w.dilation_w, w.in_w, p.pad_right);
      const int32_t count = p.count_include_pad ? rows.padded * cols.padded
                                                : (rows.end - rows.begin) * (cols.end - cols.begin);
      for (size_t channel = 0; channel < p.channels; ++channel) {
        accumulator.First();
        for (int32_t ky = rows.begin; ky < rows.end; ++ky) {
          for (int32_t kx = cols.begin; kx < cols.end; ++kx) {
            const size_t pixel =
                static_cast<size_t>(top + ky * w.dilation_h) * w.in_w + left + kx * w.dilation_w;
            accumulator.Tap(image[pixel * w.in_pixel_stride + channel]);
          }
        }
        out[(row * w.out_w + x) * w.out_pixel_stride + channel] = accumulator.Result(count);
      }
    }
  }
}

struct MaxInt {
  OutputQuant output;
  int32_t best = -128;
  void First() { best = -128; }
  void Tap(int8_t q) { best = std::max<int32_t>(best, q); }
  int8_t Result(int32_t) const {
    return static_cast<int8_t>(std::min(std::max(best, output.lo), output.hi));
  }
};

struct MaxFloat {
  float best = 0.0F;
  void First() { best = -__builtin_inff(); }
  void Tap(float x) { best = reference::Functions::Maximum(best, x); }
  float Result(int32_t) const { return best; }
};

struct AverageInt {
  const PoolProblem& problem;
  uint32_t acc = 0;
  void First() { acc = 0; }
  void Tap(int8_t q) { acc += static_cast<uint32_t>(q - problem.zero_point_in); }
  int8_t Result(int32_t count) const {
    const float multiplier = count > 0 ? problem.multiplier_by_count[count] : 0.0F;
    return Requantize(static_cast<int32_t>(acc), multiplier, problem.output);
  }
};

struct AverageFloat {
  float sum = 0.0F;
  void First() { sum = 0.0F; }
  void Tap(float x) { sum += x; }
  float Result(int32_t count) const { return count > 0 ? sum / static_cast<float>(count) : 0.0F; }
};

}  // namespace

PoolKernels ReferencePool() {
  PoolKernels kernels{};
  kernels.max_pool_int = [](const PoolProblem& p, const int8_t* in, int8_t* out, size_t row_begin,
                            size_t row_end) {
    Pool(p, in, out, row_begin, row_end, MaxInt{.output = p.output});
  };
  kernels.max_pool_float = [](const PoolProblem& p, const float* in, float* out, size_t row_begin,
                              size_t row_end) { Pool(p, in, out, row_begin, row_end, MaxFloat{}); };
  kernels.average_pool_int = [](const PoolProblem& p, const int8_t* in, int8_t* out,
                                size_t row_begin, size_t row_end) {
    Pool(p, in, out, row_begin, row_end, AverageInt{.problem = p});
  };
  kernels.average_pool_float = [](const PoolProblem& p, const float* in, float* out,
                                  size_t row_begin, size_t row_end) {
    Pool(p, in, out, row_begin, row_end, AverageFloat{});
  };
  return kernels;
}

}  // namespace lutra::kernels
