// Reference matrix multiplication and convolution: one output element at a time, in k order, from a
// copy of the left operand's row.
#include <algorithm>

#include "kernels/codes.h"
#include "kernels/reference/reference.h"

namespace lutra::kernels {
namespace {

constexpr size_t RoundUp(size_t x, size_t multiple) {
  return (x + multiple - 1) / multiple * multiple;
}

/// Packed form: bias [n], then the weights [n][k].
size_t FloatBytes(size_t n, size_t k) { return RoundUp(n * (1 + k) * sizeof(float), 64); }

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

/// A task is a band of rows of one group.
void Plan(GemmProblem& p, size_t threads) {
  p.rows_per_task = std::max<size_t>(1, (p.m + threads - 1) / threads);
  p.channels_per_task = p.n;
  p.tasks = p.groups * ((p.m + p.rows_per_task - 1) / p.rows_per_task);
  p.scratch_bytes = p.k * sizeof(float);  // of floats, the larger rows
}

/// Row m of group `group` of the left operand; what lies outside the image is `padding`.
template <typename T>
void CopyLeftRow(const GemmProblem& p, const T* left, size_t group, size_t m, T padding, T* row) {
  if (p.left == LeftKind::dense) {
    std::copy_n(left + m * p.left_stride + group * p.k, p.k, row);
    return;
  }
  const Window& w = p.window;
  const size_t pixels = static_cast<size_t>(w.out_h) * w.out_w;
  const size_t batch = m / pixels;
  const auto out_y = static_cast<int32_t>(m % pixels / w.out_w);
  const auto out_x = static_cast<int32_t>(m % pixels % w.out_w);
  for (int32_t kernel_y = 0; kernel_y < w.kernel_h; ++kernel_y) {
    const int32_t y = out_y * w.stride_h - w.pad_top + kernel_y * w.dilation_h;
    for (int32_t kernel_x = 0; kernel_x < w.kernel_w; ++kernel_x) {
      const int32_t x = out_x * w.stride_w - w.pad_left + kernel_x * w.dilation_w;
      if (y < 0 || y >= w.in_h || x < 0 || x >= w.in_w) {
        row = std::fill_n(row, p.channels, padding);
      } else {
        const size_t pixel = (batch * w.in_h + y) * w.in_w + x;
        row = std::copy_n(left + pixel * w.in_pixel_stride + group * p.channels, p.channels, row);
      }
    }
  }
}

void StoreInt(const GemmProblem& p, const GemmOperands& o, const IntWeights& weights, uint32_t acc,
              size_t group, size_t m, size_t n) {
  const size_t at = m * p.out_stride + group * p.n + n;
  switch (p.epilogue) {
    case Epilogue::requantize:
      static_cast<int8_t*>(o.out)[at] =
          RequantizeSum(static_cast<int32_t>(acc + static_cast<uint32_t>(weights.bias[n])), weights,
                        n, p.curve, p.output);
      break;
    case Epilogue::dynamic: {
      const float scale = o.row_scale[m] * weights.scale[n];
      const float product = static_cast<float>(static_cast<int32_t>(acc)) * scale;
      static_cast<float*>(o.out)[at] = Clamp(product + weights.float_bias[n], p.clamp);
      break;
    }
    case Epilogue::raw:
      static_cast<int32_t*>(o.out)[at] =
          static_cast<int32_t>(acc + static_cast<uint32_t>(weights.bias[n]));
      break;
    case Epilogue::wide: {
      const auto high = static_cast<float>(o.high[m * p.groups * p.n + group * p.n + n]);
      const float total = 256.0F * high + static_cast<float>(static_cast<int32_t>(acc));
      StoreWide(total * weights.scale[n] + weights.float_bias[n], p.clamp, p.to_int16, o.out, at);
      break;
    }
  }
}

struct Band {
  size_t group, m_begin, m_end;
};

Band BandOf(const GemmProblem& p, size_t task) {
  const size_t bands = p.tasks / p.groups;
  const size_t m_begin = task % bands * p.rows_per_task;
  return {task / bands, m_begin, std::min(p.m, m_begin + p.rows_per_task)};
}

void RunInt(const GemmProblem& p, const GemmOperands& o, size_t task, void* scratch) {
  const Band band = BandOf(p, task);
  const IntWeights weights =
      StoredWeights(static_cast<const char*>(o.packed) + band.group * StoredBytes(p.n, p.k, p.form),
                    p.n, p.k, p.form, p.left_zero_point);
  const auto* left = static_cast<const int8_t*>(o.left);
  auto* row = static_cast<int8_t*>(scratch);
  for (size_t m = band.m_begin; m < band.m_end; ++m) {
    const int32_t left_zero =
        p.epilogue == Epilogue::dynamic ? o.row_zero_point[m] : p.left_zero_point;
    CopyLeftRow(p, left, band.group, m, static_cast<int8_t>(left_zero), row);
    for (size_t n = 0; n < p.n; ++n) {
      const int32_t weight_zero = p.weight_zero_points ? weights.zero_points[n] : 0;
      uint32_t acc = 0;
      for (size_t k = 0; k < p.k; ++k) {
        const int32_t a = row[k] - left_zero;
        acc += static_cast<uint32_t>(a * (WeightAt(weights, n, k) - weight_zero) *
                                     FactorAt(weights, n, k));
      }
      StoreInt(p, o, weights, acc, band.group, m, n);
    }
  }
}

void RunFloat(const GemmProblem& p, const GemmOperands& o, size_t task, void* scratch) {
  const Band band = BandOf(p, task);
  const auto* bias = reinterpret_cast<const float*>(static_cast<const char*>(o.packed) +
                                                    band.group * FloatBytes(p.n, p.k));
  const float* weights = bias + p.n;
  auto* row = static_cast<float*>(scratch);
  for (size_t m = band.m_begin; m < band.m_end; ++m) {
    CopyLeftRow(p, static_cast<const float*>(o.left), band.group, m, 0.0F, row);
    for (size_t n = 0; n < p.n; ++n) {
      float sum = 0.0F;
      for (size_t k = 0; k < p.k; ++k) {
        sum += row[k] * weights[n * p.k + k];
      }
      static_cast<float*>(o.out)[m * p.out_stride + band.group * p.n + n] =
          Clamp(sum + bias[n], p.clamp);
    }
  }
}

}  // namespace

IntGemmKernels ReferenceIntGemm() { return {&StoredBytes, &StoreWeights, &Plan, &RunInt}; }

FloatGemmKernels ReferenceFloatGemm() { return {&FloatBytes, &PackFloat, &Plan, &RunFloat}; }

}  // namespace lutra::kernels
