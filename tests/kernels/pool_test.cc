// Pooling: the reference against the definition in wider arithmetic, then every row against the
// reference, byte for byte.
#include <doctest/doctest.h>

#include <cmath>

#include "kernels/kernel_data.h"
#include "kernels/rows_under_test.h"

namespace lutra::kernels {
namespace {

struct Shape {
  int32_t in_h, in_w, kernel_h, kernel_w, stride, dilation;
  int32_t pad_top, pad_left, pad_bottom, pad_right;
  bool ceil_mode;
};

const Shape kShapes[] = {
    {7, 9, 2, 2, 2, 1, 0, 0, 0, 0, false}, {7, 9, 3, 3, 2, 1, 1, 1, 1, 1, false},
    {8, 5, 3, 3, 2, 1, 0, 0, 0, 0, true},  {6, 6, 3, 3, 1, 2, 2, 2, 2, 2, false},
    {5, 5, 5, 5, 1, 1, 0, 0, 0, 0, false}, {2, 3, 4, 5, 1, 1, 3, 4, 3, 4, false},
    {1, 9, 1, 3, 2, 1, 0, 1, 0, 1, true},  {20, 30, 20, 30, 1, 1, 0, 0, 0, 0, false},
    {3, 3, 2, 2, 2, 1, 0, 0, 1, 1, false}, {4, 4, 2, 2, 1, 3, 3, 3, 3, 3, false},
};

PoolProblem ProblemOf(const Shape& s, size_t channels, std::mt19937& random) {
  PoolProblem p;
  Window& w = p.window;
  w.batch = 2;
  w.in_h = s.in_h;
  w.in_w = s.in_w;
  w.kernel_h = s.kernel_h;
  w.kernel_w = s.kernel_w;
  w.stride_h = w.stride_w = s.stride;
  w.dilation_h = w.dilation_w = s.dilation;
  w.pad_top = s.pad_top;
  w.pad_left = s.pad_left;
  p.pad_bottom = s.pad_bottom;
  p.pad_right = s.pad_right;
  const auto extent = [&](int32_t in, int32_t before, int32_t after, int32_t kernel) {
    const int32_t room = in + before + after - (kernel - 1) * s.dilation - 1;
    return (room + (s.ceil_mode ? s.stride - 1 : 0)) / s.stride + 1;
  };
  w.out_h = extent(s.in_h, s.pad_top, s.pad_bottom, s.kernel_h);
  w.out_w = extent(s.in_w, s.pad_left, s.pad_right, s.kernel_w);
  p.channels = channels;
  w.in_pixel_stride = channels + random() % 3;
  w.out_pixel_stride = channels + random() % 3;
  p.count_include_pad = random() % 2 == 0;
  p.zero_point_in = Uniform(random, -128, 127);
  p.output.zero_point = Uniform(random, -128, 127);
  if (random() % 2 == 0) {
    p.output.lo = -100;
    p.output.hi = 90;
  }
  return p;
}

size_t ElementCount(size_t pixels, size_t stride, size_t channels) {
  return (pixels - 1) * stride + channels;
}

/// The definition: visits all taps; `inside` says whether the tap lies in the image, `counted`
/// whether in the padded image.
template <class Visit>
void ForEachTap(const PoolProblem& p, size_t row, int32_t x, Visit visit) {
  const Window& w = p.window;
  for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
    for (int32_t kx = 0; kx < w.kernel_w; ++kx) {
      const int32_t in_y =
          static_cast<int32_t>(row % w.out_h) * w.stride_h - w.pad_top + ky * w.dilation_h;
      const int32_t in_x = x * w.stride_w - w.pad_left + kx * w.dilation_w;
      const bool inside = in_y >= 0 && in_y < w.in_h && in_x >= 0 && in_x < w.in_w;
      const bool counted = in_y < w.in_h + p.pad_bottom && in_x < w.in_w + p.pad_right;
      const size_t pixel = (row / w.out_h * w.in_h + in_y) * w.in_w + in_x;
      visit(inside, counted, inside ? pixel * w.in_pixel_stride : 0);
    }
  }
}

template <typename T>
struct Data {
  PoolProblem problem;
  std::vector<T> in;

  template <class Kernel>
  std::vector<T> Run(Kernel kernel) const {
    const Window& w = problem.window;
    std::vector<T> out(
        ElementCount(w.batch * w.out_h * w.out_w, w.out_pixel_stride, problem.channels), T{77});
    const size_t rows = w.batch * w.out_h;
    kernel(problem, in.data(), out.data(), rows / 2, rows);
    kernel(problem, in.data(), out.data(), 0, rows / 2);
    return out;
  }

  /// Calls check(output, row, x, channel) for each output element.
  template <class Check>
  void ForEachOutput(const std::vector<T>& out, Check check) const {
    const Window& w = problem.window;
    for (size_t row = 0; row < w.batch * w.out_h; ++row) {
      for (int32_t x = 0; x < w.out_w; ++x) {
        for (size_t c = 0; c < problem.channels; ++c) {
          check(out[(row * w.out_w + x) * w.out_pixel_stride + c], row, x, c);
        }
      }
    }
  }
};

size_t InSize(const PoolProblem& p) {
  const Window& w = p.window;
  return ElementCount(w.batch * w.in_h * w.in_w, w.in_pixel_stride, p.channels);
}

void CheckInt(const Shape& shape, size_t channels, std::mt19937& random) {
  Data<int8_t> d;
  d.problem = ProblemOf(shape, channels, random);
  d.in = Bytes(InSize(d.problem), random);
  const PoolProblem& p0 = d.problem;
  std::vector<float> multipliers(static_cast<size_t>(p0.window.kernel_h * p0.window.kernel_w) + 1,
                                 -1.0F);
  for (size_t count = 1; count < multipliers.size(); ++count) {
    multipliers[count] = 0.8F / static_cast<float>(count);
  }
  d.problem.multiplier_by_count = multipliers.data();
  const PoolProblem& p = d.problem;
  const PoolKernels& reference = FindRow("reference")->pool;
  const auto max = d.Run(reference.max_pool_int);
  const auto average = d.Run(reference.average_pool_int);
  d.ForEachOutput(max, [&](int8_t y, size_t row, int32_t x, size_t c) {
    int32_t best = -128;
    ForEachTap(p, row, x, [&](bool inside, bool, size_t at) {
      if (inside) best = std::max<int32_t>(best, d.in[at + c]);
    });
    CHECK(y == std::clamp(best, p.output.lo, p.output.hi));
  });
  d.ForEachOutput(average, [&](int8_t y, size_t row, int32_t x, size_t c) {
    int64_t acc = 0;
    size_t count = 0;
    ForEachTap(p, row, x, [&](bool inside, bool counted, size_t at) {
      if (inside) acc += d.in[at + c] - p.zero_point_in;
      count += p.count_include_pad ? counted : inside;
    });
    const float real = count == 0 ? 0.0F : static_cast<float>(acc) * multipliers[count];
    const float lo = static_cast<float>(p.output.lo - p.output.zero_point);
    const float hi = static_cast<float>(p.output.hi - p.output.zero_point);
    CHECK(y == p.output.zero_point + std::lrint(std::clamp(real, lo, hi)));
  });
  for (const Row* row : SimdRows()) {
    INFO(std::string(row->name), " ", channels, " channels, kernel ", shape.kernel_h);
    CHECK(d.Run(row->pool.max_pool_int) == max);
    CHECK(d.Run(row->pool.average_pool_int) == average);
  }
}

void CheckFloat(const Shape& shape, size_t channels, std::mt19937& random) {
  Data<float> d;
  d.problem = ProblemOf(shape, channels, random);
  d.in = Floats(InSize(d.problem), -5.0F, 3.0F, random);
  const PoolProblem& p = d.problem;
  const PoolKernels& reference = FindRow("reference")->pool;
  const auto max = d.Run(reference.max_pool_float);
  const auto average = d.Run(reference.average_pool_float);
  d.ForEachOutput(max, [&](float y, size_t row, int32_t x, size_t c) {
    float best = -std::numeric_limits<float>::infinity();
    ForEachTap(p, row, x, [&](bool inside, bool, size_t at) {
      if (inside) best = std::fmax(best, d.in[at + c]);
    });
    CHECK(y == best);
  });
  d.ForEachOutput(average, [&](float y, size_t row, int32_t x, size_t c) {
    double sum = 0;
    double magnitude = 0;
    size_t count = 0;
    ForEachTap(p, row, x, [&](bool inside, bool counted, size_t at) {
      if (inside) sum += d.in[at + c];
      if (inside) magnitude += std::fabs(d.in[at + c]);
      count += p.count_include_pad ? counted : inside;
    });
    const auto n = static_cast<double>(std::max<size_t>(count, 1));
    // At most `count` sums round, each by 2^-24 of the partial sums, and the division once.
    CHECK(std::fabs(y - sum / n) <= std::ldexp(magnitude, -24) * (n + 1) / n);
  });
  for (const Row* row : SimdRows()) {
    INFO(std::string(row->name), " ", channels, " channels, kernel ", shape.kernel_h);
    CHECK(SameFloats(d.Run(row->pool.max_pool_float), max));
    CHECK(SameFloats(d.Run(row->pool.average_pool_float), average));
  }
  // NaN in a window wins its maximum, on every row.
  d.in[d.in.size() / 2] = std::numeric_limits<float>::quiet_NaN();
  const auto with_nan = d.Run(reference.max_pool_float);
  for (const Row* row : SimdRows()) {
    CHECK(SameFloats(d.Run(row->pool.max_pool_float), with_nan));
  }
}

TEST_CASE("pooling: shapes") {
  std::mt19937 random(kDataSeed);
  MESSAGE("seed ", kDataSeed);
  for (const Shape& shape : kShapes) {
    for (const size_t channels : {1, 16, 37, 64}) {
      CheckInt(shape, channels, random);
      CheckFloat(shape, channels, random);
    }
  }
}

TEST_CASE("pooling: every channel count up to past two blocks") {
  std::mt19937 random(kDataSeed + 1);
  for (size_t channels = 1; channels <= 129; ++channels) {
    CheckInt({4, 3, 3, 3, 2, 1, 1, 1, 1, 1, false}, channels, random);
    if (channels <= 33) CheckFloat({4, 3, 3, 3, 2, 1, 1, 1, 1, 1, false}, channels, random);
  }
}

}  // namespace
}  // namespace lutra::kernels
