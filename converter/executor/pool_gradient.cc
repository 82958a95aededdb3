// Pooling backwards. Both kinds run over lines of windows that lie side by side, so that the inner
// loop is over contiguous memory: in NHWC all channels of one position of the result, in NCHW one
// row of a plane of the result. For every line and every tap of the window, the elements that the
// windows see through this tap receive their part.
#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>

#include "converter/executor/pool.h"

namespace lutra::converter::executor {
namespace {

/// One spatial axis; there are always three, the leading ones of length 1 where there are fewer.
struct PoolAxis {
  int64_t input = 1, output = 1, kernel = 1, stride = 1, dilation = 1, begin = 0, end = 0;
  int64_t x_step = 0, y_step = 0;  ///< in elements

  /// Input position that window `at` sees through tap `k`.
  int64_t Position(int64_t at, int64_t k) const { return at * stride - begin + k * dilation; }
  bool Inside(int64_t position) const { return position >= 0 && position < input; }
  /// Windows [first, last) that see an input element through tap k.
  std::pair<int64_t, int64_t> Seeing(int64_t k) const {
    const int64_t offset = k * dilation - begin;
    const int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    const int64_t beyond = input - offset;  // window * stride must stay below
    const int64_t last = beyond <= 0 ? 0 : (beyond + stride - 1) / stride;
    return {first, std::max(first, std::min(last, output))};
  }
  /// Elements that window `at` counts: those of the input, or with padding too, but none of what
  /// ceil_mode adds.
  int64_t Counted(int64_t at, bool padding) const {
    int64_t count = 0;
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t position = Position(at, k);
      count += padding ? position < input + end : Inside(position);
    }
    return count;
  }
};

using PoolAxes = std::array<PoolAxis, 3>;

PoolAxes AxesOf(const PoolGeometry& geometry) {
  const Window& window = geometry.window;
  const size_t rank = window.kernel.size();
  if (rank > 3) throw Error("more than three spatial axes have no gradient");
  PoolAxes axes;
  for (size_t i = 0; i < rank; ++i) {
    axes[3 - rank + i] = {
        geometry.x.Spatial()[i], geometry.y.Spatial()[i],   window.kernel[i],
        window.strides[i],       window.dilations[i],       window.begin[i],
        window.end[i],           geometry.x.strides[i + 2], geometry.y.strides[i + 2]};
  }
  return axes;
}

/// `count` windows side by side: their elements of the input from `x` on, `x_step` apart, and their
/// results from lane `first` of the line on.
struct Tap {
  int64_t x, x_step, first, count;
};

/// For every line calls start(its first result, number of lanes, {d, h, w} of the first), then
/// visit(Tap) for every tap in row-major order.
template <typename Start, typename Visit>
void ForEachLine(const PoolGeometry& geometry, Layout layout, const Start& start,
                 const Visit& visit) {
  const PoolAxes axes = AxesOf(geometry);
  const PoolAxis &depth = axes[0], &height = axes[1], &width = axes[2];
  const bool nhwc = layout == Layout::nhwc;
  // Lines run along the channels of each column, or along all columns of each channel.
  const int64_t channels = geometry.x.Channels();
  const int64_t planes = nhwc ? 1 : channels, columns = nhwc ? width.output : 1;
  const auto taps_of_width = [&](int64_t x, int64_t column) {
    for (int64_t k = 0; k < width.kernel; ++k) {
      if (nhwc) {
        const int64_t at = width.Position(column, k);
        if (width.Inside(at)) visit(Tap{x + at * width.x_step, 1, 0, channels});
      } else {
        const auto [first, last] = width.Seeing(k);
        const int64_t at = width.Position(first, k);
        if (first < last) {
          visit(Tap{x + at * width.x_step, width.stride * width.x_step, first, last - first});
        }
      }
    }
  };
  const auto line = [&](int64_t x, int64_t y, int64_t d, int64_t h, int64_t w) {
    start(y + d * depth.y_step + h * height.y_step + w * width.y_step,
          nhwc ? channels : width.output, std::array{d, h, w});
    for (int64_t i = 0; i < depth.kernel; ++i) {
      const int64_t at_depth = depth.Position(d, i);
      for (int64_t k = 0; k < height.kernel && depth.Inside(at_depth); ++k) {
        const int64_t at_height = height.Position(h, k);
        if (!height.Inside(at_height)) continue;
        taps_of_width(x + at_depth * depth.x_step + at_height * height.x_step, w);
      }
    }
  };
  for (int64_t n = 0; n < geometry.x.Batch(); ++n) {
    for (int64_t c = 0; c < planes; ++c) {
      const int64_t x = n * geometry.x.strides[0] + c * geometry.x.strides[1];
      const int64_t y = n * geometry.y.strides[0] + c * geometry.y.strides[1];
      for (int64_t d = 0; d < depth.output; ++d) {
        for (int64_t h = 0; h < height.output; ++h) {
          for (int64_t w = 0; w < columns; ++w) line(x, y, d, h, w);
        }
      }
    }
  }
}

/// Calls run with the step of `tap` along the input; that of NHWC is a constant for the compiler.
template <typename Run>
void WithStep(const Tap& tap, const Run& run) {
  if (tap.x_step == 1) {
    run(std::integral_constant<int64_t, 1>());
  } else {
    run(tap.x_step);
  }
}

/// Elements that are the largest of their window take what is left of its gradient: in bits, since
/// a jump, which compilers make of the plain choice, could not be foreseen. None of the four
/// overlap.
template <typename Step>
void TakeLargest(int64_t n, Step step, const float* __restrict x, const float* __restrict largest,
                 float* __restrict left, float* __restrict to) {
  for (int64_t i = 0; i < n; ++i) {
    const auto rest = std::bit_cast<uint32_t>(left[i]);
    const uint32_t taken = x[i * step] == largest[i] ? ~0U : 0U;
    to[i * step] += std::bit_cast<float>(rest & taken);
    left[i] = std::bit_cast<float>(rest & ~taken);
  }
}

template <typename Step>
void AddShares(int64_t n, Step step, const float* __restrict share, float* __restrict to) {
  for (int64_t i = 0; i < n; ++i) to[i * step] += share[i];
}

}  // namespace

Gradients MaxPoolGradient(const GradientCall& call) {
  const PoolGeometry geometry = PoolGeometryOf(call.node, call.input_dims[0]);
  Gradients gradients = call.None();
  gradients[0] = Tensor(DataType::float32, call.input_dims[0]);
  const float* const x = call.Input(0).as<float>().data();
  const float* const y = call.Result().as<float>().data();
  const float* const g = call.Of().as<float>().data();
  float* const to = gradients[0].as<float>().data();
  // What no tap has taken yet.
  std::vector<float> rest;
  const float* largest = nullptr;
  ForEachLine(
      geometry, call.node.layout,
      [&](int64_t first, int64_t lanes, const std::array<int64_t, 3>&) {
        rest.assign(g + first, g + first + lanes);
        largest = y + first;
      },
      [&](const Tap& tap) {
        WithStep(tap, [&](auto step) {
          TakeLargest(tap.count, step, x + tap.x, largest + tap.first, rest.data() + tap.first,
                      to + tap.x);
        });
      });
  return gradients;
}

Gradients AveragePoolGradient(const GradientCall& call) {
  const PoolGeometry geometry = PoolGeometryOf(call.node, call.input_dims[0]);
  Gradients gradients = call.None();
  gradients[0] = Tensor(DataType::float32, call.input_dims[0]);
  const float* const g = call.Of().as<float>().data();
  float* const to = gradients[0].as<float>().data();
  const bool padding = call.node.Int("count_include_pad", 0) != 0;
  std::array<std::vector<float>, 3> counts;
  const PoolAxes axes = AxesOf(geometry);
  for (size_t axis = 0; axis < 3; ++axis) {
    for (int64_t at = 0; at < axes[axis].output; ++at) {
      counts[axis].push_back(static_cast<float>(axes[axis].Counted(at, padding)));
    }
  }
  const bool nhwc = call.node.layout == Layout::nhwc;
  std::vector<float> shares;
  ForEachLine(
      geometry, call.node.layout,
      [&](int64_t first, int64_t lanes, const std::array<int64_t, 3>& at) {
        const float plane = counts[0][at[0]] * counts[1][at[1]];
        shares.assign(g + first, g + first + lanes);
        if (nhwc) {
          const float share = 1 / (plane * counts[2][at[2]]);
          for (float& value : shares) value *= share;
        } else {
          for (int64_t i = 0; i < lanes; ++i) shares[i] /= plane * counts[2][i];
        }
      },
      [&](const Tap& tap) {
        WithStep(tap, [&](auto step) {
          AddShares(tap.count, step, shares.data() + tap.first, to + tap.x);
        });
      });
  return gradients;
}

}  // namespace lutra::converter::executor
