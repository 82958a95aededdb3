// Pooling, vectorised over channels: a block of channels of one output pixel at a time, its taps in
// row-major order. Reference: reference/pool.cc.
//
// As in depthwise convolution the last block is moved back to end with the last channel; fewer
// channels than one block go through a buffer.
#include <hwy/highway.h>

#include "kernels/pool_taps.h"

HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// The taps of one output pixel: pixels rows x cols, the first one's channel 0 at `first`.
template <typename T>
struct PoolWindow {
  const T* first;
  size_t rows, cols;
  size_t row_step, col_step;  ///< elements
  int32_t count;              ///< the divisor of an average
};

/// Calls pixel(window, out) for every output pixel of the given rows.
template <typename T, class Pixel>
void ForEachPoolWindow(const PoolProblem& p, const T* in, T* out, size_t row_begin, size_t row_end,
                       const Pixel& pixel) {
  const Window& w = p.window;
  const size_t row_elements = w.in_w * w.in_pixel_stride;
  for (size_t row = row_begin; row < row_end; ++row) {
    const T* image = in + row / w.out_h * w.in_h * row_elements;
    const int32_t top = static_cast<int32_t>(row % w.out_h) * w.stride_h - w.pad_top;
    const PoolTaps rows = PoolTapsAt(top, w.kernel_h, w.dilation_h, w.in_h, p.pad_bottom);
    for (int32_t x = 0; x < w.out_w; ++x) {
      const int32_t left = x * w.stride_w - w.pad_left;
      const PoolTaps cols = PoolTapsAt(left, w.kernel_w, w.dilation_w, w.in_w, p.pad_right);
      PoolWindow<T> window = {image,
                              static_cast<size_t>(rows.end - rows.begin),
                              static_cast<size_t>(cols.end - cols.begin),
                              w.dilation_h * row_elements,
                              w.dilation_w * w.in_pixel_stride,
                              0};
      if (window.rows != 0 && window.cols != 0) {
        window.first += static_cast<size_t>(top + rows.begin * w.dilation_h) * row_elements +
                        static_cast<size_t>(left + cols.begin * w.dilation_w) * w.in_pixel_stride;
      } else {
        window.rows = 0;
      }
      window.count = p.count_include_pad ? rows.padded * cols.padded
                                         : static_cast<int32_t>(window.rows * window.cols);
      pixel(window, out + (row * w.out_w + x) * w.out_pixel_stride);
    }
  }
}

/// Calls block(channel, count) for blocks of kLanes channels; count < kLanes only for the single
/// block of a layer with fewer channels.
template <size_t kLanes, class Function>
HWY_INLINE void ForEachBlock(size_t channels, const Function& block) {
  if (channels < kLanes) return block(size_t{0}, channels);
  for (size_t channel = 0; channel < channels; channel += kLanes) {
    block(std::min(channel, channels - kLanes), kLanes);
  }
}

template <class D, typename T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> LoadBlock(D d, const T* from, size_t count) {
  return count == hn::MaxLanes(D()) ? hn::LoadU(d, from) : LoadPartial(d, from, count);
}

template <class D, typename T = hn::TFromD<D>>
HWY_INLINE void StoreBlock(hn::Vec<D> values, D d, T* to, size_t count) {
  if (count == hn::MaxLanes(D())) {
    hn::StoreU(values, d, to);
  } else {
    StorePartial(values, d, to, count);
  }
}

/// Folds the taps of `count` channels into `sum`, in row-major order.
template <class D, class Fold, typename T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> FoldWindow(D d, const PoolWindow<T>& window, size_t channel, size_t count,
                                 hn::Vec<D> sum, const Fold& fold) {
  const T* row = window.first + channel;
  for (size_t y = 0; y < window.rows; ++y, row += window.row_step) {
    const T* tap = row;
    for (size_t x = 0; x < window.cols; ++x, tap += window.col_step) {
      sum = fold(sum, LoadBlock(d, tap, count));
    }
  }
  return sum;
}

template <class D>
void MaxPoolBlocks(const PoolProblem& p, const int8_t* in, int8_t* out, size_t row_begin,
                   size_t row_end) {
  using V = hn::Vec<D>;
  const D d;
  const V lo = hn::Set(d, static_cast<int8_t>(p.output.lo));
  const V hi = hn::Set(d, static_cast<int8_t>(p.output.hi));
  const auto max = [](V a, V b) HWY_ATTR { return hn::Max(a, b); };
  const auto pixel = [&](const PoolWindow<int8_t>& window, int8_t* to) HWY_ATTR {
    ForEachBlock<hn::MaxLanes(D())>(p.channels, [&](size_t channel, size_t count) HWY_ATTR {
      const V best = FoldWindow(d, window, channel, count, hn::Set(d, -128), max);
      StoreBlock(hn::Min(hn::Max(best, lo), hi), d, to + channel, count);
    });
  };
  ForEachPoolWindow(p, in, out, row_begin, row_end, pixel);
}

/// By blocks of the largest size that the channels fill, or the smallest.
inline void MaxPoolInt(const PoolProblem& p, const int8_t* in, int8_t* out, size_t row_begin,
                       size_t row_end) {
  using Full = hn::ScalableTag<int8_t>;
  using Small = hn::CappedTag<int8_t, 16>;
  if (p.channels >= hn::MaxLanes(Full())) {
    MaxPoolBlocks<Full>(p, in, out, row_begin, row_end);
  } else {
    MaxPoolBlocks<Small>(p, in, out, row_begin, row_end);
  }
}

inline void MaxPoolFloat(const PoolProblem& p, const float* in, float* out, size_t row_begin,
                         size_t row_end) {
  const FloatTag d;
  const auto max = [](FloatVector a, FloatVector b) HWY_ATTR { return Functions::Maximum(a, b); };
  const auto pixel = [&](const PoolWindow<float>& window, float* to) HWY_ATTR {
    ForEachBlock<kF32Lanes>(p.channels, [&](size_t channel, size_t count) HWY_ATTR {
      const FloatVector lowest = hn::Set(d, -__builtin_inff());
      StoreBlock(FoldWindow(d, window, channel, count, lowest, max), d, to + channel, count);
    });
  };
  ForEachPoolWindow(p, in, out, row_begin, row_end, pixel);
}

inline void AveragePoolFloat(const PoolProblem& p, const float* in, float* out, size_t row_begin,
                             size_t row_end) {
  const FloatTag d;
  const auto add = [](FloatVector a, FloatVector b) HWY_ATTR { return hn::Add(a, b); };
  const auto pixel = [&](const PoolWindow<float>& window, float* to) HWY_ATTR {
    // An empty window gives 0 / 1.
    const FloatVector divisor = hn::Set(d, static_cast<float>(std::max(window.count, 1)));
    ForEachBlock<kF32Lanes>(p.channels, [&](size_t channel, size_t count) HWY_ATTR {
      const FloatVector sum = FoldWindow(d, window, channel, count, hn::Zero(d), add);
      StoreBlock(hn::Div(sum, divisor), d, to + channel, count);
    });
  };
  ForEachPoolWindow(p, in, out, row_begin, row_end, pixel);
}

/// Adds `count` rows of a block, `step` apart, to int32 sums in lane order. int16 holds the sum of
/// 255 of them.
HWY_INLINE void AddByteRows(const int8_t* from, size_t count, size_t step, size_t lanes,
                            ByteBlock::Pair32& sums) {
  const ByteBlock::DI16 d16;
  for (size_t begin = 0; begin < count; begin += 255) {
    const size_t end = std::min(count, begin + 255);
    ByteBlock::VI16 chunk = hn::Zero(d16);
    for (size_t i = begin; i < end; ++i) {
      const int8_t* row = from + i * step;
      chunk = hn::Add(chunk,
                      lanes == kBlockLanes ? ByteBlock::Load(row) : LoadPartialBlock(row, lanes));
    }
    const auto wide = ByteBlock::Widen(chunk);
    sums.lo = hn::Add(sums.lo, wide.lo);
    sums.hi = hn::Add(sums.hi, wide.hi);
  }
}

/// requantize(sums - offset).
struct SumRequantizer {
  HWY_INLINE SumRequantizer(const OutputQuant& output, float real_multiplier, int32_t offset_value)
      : requantize(output),
        multiplier(hn::Set(BlockFloat(), real_multiplier)),
        offset(hn::Set(BlockInt(), offset_value)) {}
  HWY_INLINE void Store(const ByteBlock::Pair32& sums, int8_t* to, size_t lanes) const {
    const auto values = ByteBlock::Narrow(requantize(hn::Sub(sums.lo, offset), multiplier),
                                          requantize(hn::Sub(sums.hi, offset), multiplier));
    if (lanes == kBlockLanes) {
      ByteBlock::Store(values, to);
    } else {
      StorePartialBlock(values, to, lanes);
    }
  }
  Requantizer<BlockFloat> requantize;
  hn::Vec<BlockFloat> multiplier;
  ByteBlock::VI32 offset;
};

inline void AveragePoolInt(const PoolProblem& p, const int8_t* in, int8_t* out, size_t row_begin,
                           size_t row_end) {
  const auto pixel = [&](const PoolWindow<int8_t>& window, int8_t* to) HWY_ATTR {
    const float multiplier = window.count > 0 ? p.multiplier_by_count[window.count] : 0.0F;
    const auto inside = static_cast<uint32_t>(window.rows * window.cols);
    const uint32_t zero = inside * static_cast<uint32_t>(p.zero_point_in);
    const SumRequantizer requantize(p.output, multiplier, static_cast<int32_t>(zero));
    ForEachBlock<kBlockLanes>(p.channels, [&](size_t channel, size_t lanes) HWY_ATTR {
      ByteBlock::Pair32 sums = {hn::Zero(BlockInt()), hn::Zero(BlockInt())};
      const int8_t* row = window.first + channel;
      for (size_t y = 0; y < window.rows; ++y, row += window.row_step) {
        AddByteRows(row, window.cols, window.col_step, lanes, sums);
      }
      requantize.Store(sums, to + channel, lanes);
    });
  };
  ForEachPoolWindow(p, in, out, row_begin, row_end, pixel);
}

constexpr PoolKernels MakePool() {
  return {&MaxPoolInt, &MaxPoolFloat, &AveragePoolInt, &AveragePoolFloat};
}

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
