// Depthwise convolution, vectorised over channels.
//
// int8, x86: the bytes of two taps are interleaved, then moved to the upper halves of int16 lanes
// (that is, times 256) by interleaving with zero: six shuffles inside 128-bit lanes for two taps of
// a whole vector of channels, where sign extension would cross lanes, which AMD's processors do at
// half the rate. AddPairs (dot-inl.h) multiplies and adds the pairs; one shift at the end divides
// by 256. NEON widens and multiplies one tap at a time: its instructions take no pairs. Packing
// stores weight - zero point, which fits int16, and folds the input's zero point into the bias, so
// no zero point is left in the loop: padding reads the zero point itself. Float: sums in tap order,
// as the reference.
//
// A block is as many channels as one vector holds; the last block of a layer is moved back so that
// it ends with the last channel, recomputing a few. See DepthwiseWalk for the image's borders.
#include <hwy/highway.h>

#include "kernels/depthwise_walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// First channel of block `block`.
inline size_t BlockChannel(size_t block, size_t lanes, size_t channels) {
  return channels < lanes ? 0 : std::min(block * lanes, channels - lanes);
}

// ------------------------------ int8

/// Weights per step and vector of channels: pairs of taps, or one tap (NEON).
#if HWY_ARCH_X86
constexpr size_t kTapsPerStep = 2;
#else
constexpr size_t kTapsPerStep = 1;
#endif

constexpr size_t StepsOf(size_t taps) { return (taps + kTapsPerStep - 1) / kTapsPerStep; }

/// Codes are decoded by strips of channels into the thread's scratch, for every range of rows anew.
constexpr size_t kStripBytes = 16384;

/// Pixels whose sums become a curve's values together.
constexpr size_t kCurvePixels = 16;

/// Sums of a chunk of steps times 256 fit int32: 256 taps * 128 * 255 * 256 < 2^31.
constexpr size_t kChunkSteps = 256 / kTapsPerStep;

template <class D8>
struct IntDepthwise {
  using D16 = hn::RepartitionToWide<D8>;
  using D32 = hn::RepartitionToWide<D16>;
  using DF = hn::RebindToFloat<D32>;
  using VI8 = hn::Vec<D8>;
  using VI16 = hn::Vec<D16>;
  using VI32 = hn::Vec<D32>;
  static constexpr size_t kLanes = sizeof(VI8);
  static constexpr size_t kQuarter = kLanes / 4;
  static constexpr size_t kHalf = kLanes / 2;

  /// int32 lanes of a block: of every 16 channels, four in each quarter.
  struct Sums {
    VI32 quarter[4];
  };
  /// Where channel `lane` of a block lies in an array of four quarters.
  static size_t LaneOrder(size_t lane) {
    return lane / 4 % 4 * kQuarter + lane / 16 * 4 + lane % 4;
  }

  /// Packed block: bias, multiplier and a curve's factor (all in lane order), then the weights step
  /// by step: pairs of taps in lane order, or one tap in natural order.
  struct Packed {
    int32_t bias[kLanes];
    float multiplier[kLanes];
    float factor[kLanes];
    int16_t* Step(size_t step) {
      return reinterpret_cast<int16_t*>(this + 1) + step * kTapsPerStep * kLanes;
    }
    const int16_t* Step(size_t step) const { return const_cast<Packed*>(this)->Step(step); }
  };

  static size_t BlockBytes(size_t k) {
    return sizeof(Packed) + StepsOf(k) * kTapsPerStep * kLanes * sizeof(int16_t);
  }
  static size_t Bytes(size_t n, size_t k) { return Blocks(n) * BlockBytes(k); }

  static void PackBlocks(const IntWeights& w, size_t begin, size_t end, char* packed) {
    for (size_t block = begin; block < end; ++block, packed += BlockBytes(w.k)) {
      const size_t first = BlockChannel(block, kLanes, w.n);
      std::memset(packed, 0, BlockBytes(w.k));
      for (size_t lane = 0; lane < kLanes && first + lane < w.n; ++lane) {
        PackChannel(w, first + lane, lane, *reinterpret_cast<Packed*>(packed));
      }
    }
  }
  static size_t Blocks(size_t n) { return (n + kLanes - 1) / kLanes; }
  /// Blocks that are decoded at once.
  static size_t StripBlocks(size_t n, size_t k) {
    return std::min(Blocks(n), std::max<size_t>(1, kStripBytes / BlockBytes(k)));
  }

  static void PackChannel(const IntWeights& w, size_t n, size_t lane, Packed& packed) {
    const size_t order = LaneOrder(lane);
    const int32_t zero_point = w.zero_points != nullptr ? w.zero_points[n] : 0;
    int32_t sum = 0;
    for (size_t k = 0; k < w.k; ++k) {
      const int32_t value = WeightAt(w, n, k) - zero_point;
      const size_t at = kTapsPerStep == 1 ? lane : 2 * order + k % 2;
      packed.Step(k / kTapsPerStep)[at] = static_cast<int16_t>(value);
      sum += value;
    }
    const uint32_t bias = w.bias != nullptr ? static_cast<uint32_t>(w.bias[n]) : 0U;
    packed.bias[order] = static_cast<int32_t>(bias - static_cast<uint32_t>(w.left_zero_point) *
                                                         static_cast<uint32_t>(sum));
    packed.multiplier[order] = w.scale != nullptr ? w.scale[n] : 1.0F;
    packed.factor[order] = w.factor != nullptr ? w.factor[n] : 1.0F;
  }

#if HWY_ARCH_X86
  /// 256 * the products of two taps.
  static HWY_INLINE void Accumulate(const int8_t* const* taps, size_t offset,
                                    const int16_t* weights, Sums& sums) {
    const D8 d8;
    const D16 d16;
    const VI8 zero = hn::Zero(d8);
    const VI8 first = hn::LoadU(d8, taps[0] + offset);
    const VI8 second = hn::LoadU(d8, taps[1] + offset);
    const VI8 lower = hn::InterleaveLower(d8, first, second);
    const VI8 upper = hn::InterleaveUpper(d8, first, second);
    const VI8 pairs[4] = {
        hn::InterleaveLower(d8, zero, lower), hn::InterleaveUpper(d8, zero, lower),
        hn::InterleaveLower(d8, zero, upper), hn::InterleaveUpper(d8, zero, upper)};
    for (size_t i = 0; i < 4; ++i) {
      sums.quarter[i] = AddPairs(D32(), sums.quarter[i], hn::BitCast(d16, pairs[i]),
                                 hn::LoadU(d16, weights + i * kHalf));
    }
  }
  static HWY_INLINE VI32 Unscale(VI32 sum) { return hn::ShiftRight<8>(sum); }
  static HWY_INLINE VI8 Narrow(VI16 lower, VI16 upper) {
    return VI8{PackBytes(lower.raw, upper.raw)};
  }
#else
  static HWY_INLINE void Accumulate(const int8_t* const* taps, size_t offset,
                                    const int16_t* weights, Sums& sums) {
    const D16 d16;
    const VI8 tap = hn::LoadU(D8(), taps[0] + offset);
    const VI16 lower = hn::PromoteTo(d16, hn::LowerHalf(tap));
    const VI16 upper = hn::PromoteTo(d16, hn::UpperHalf(hn::Half<D8>(), tap));
    VI32* quarter = sums.quarter;
    quarter[0] = hn::ReorderWidenMulAccumulate(D32(), lower, hn::LoadU(d16, weights), quarter[0],
                                               quarter[1]);
    quarter[2] = hn::ReorderWidenMulAccumulate(D32(), upper, hn::LoadU(d16, weights + kHalf),
                                               quarter[2], quarter[3]);
  }
  static HWY_INLINE VI32 Unscale(VI32 sum) { return sum; }
  static HWY_INLINE VI8 Narrow(VI16 lower, VI16 upper) {
    const hn::Half<D8> half;
    return hn::Combine(D8(), hn::DemoteTo(half, upper), hn::DemoteTo(half, lower));
  }
#endif

  /// int32 lanes of one output pixel of one block. kSteps = 0: `steps` of them, any number.
  template <size_t kSteps>
  static HWY_INLINE void SumPixel(const int8_t* const* taps, size_t offset, const Packed& packed,
                                  size_t steps, VI32 (&total)[4]) {
    const D32 d32;
    for (size_t i = 0; i < 4; ++i) total[i] = hn::LoadU(d32, packed.bias + i * kQuarter);
    const size_t step_count = kSteps != 0 ? kSteps : steps;
    for (size_t begin = 0; begin < step_count; begin += kChunkSteps) {
      const size_t end = std::min(step_count, begin + kChunkSteps);
      Sums sums = {{hn::Zero(d32), hn::Zero(d32), hn::Zero(d32), hn::Zero(d32)}};
      for (size_t step = begin; step < end; ++step) {
        Accumulate(taps + step * kTapsPerStep, offset, packed.Step(step), sums);
      }
      for (size_t i = 0; i < 4; ++i) total[i] = hn::Add(total[i], Unscale(sums.quarter[i]));
    }
  }

  /// Four quarters of a block, rounded, to its channels.
  static HWY_INLINE void StoreQuarters(const VI32 (&q)[4], size_t channels, int8_t* out) {
    const VI8 bytes =
        Narrow(hn::ReorderDemote2To(D16(), q[0], q[1]), hn::ReorderDemote2To(D16(), q[2], q[3]));
    if (channels >= kLanes) {
      hn::StoreU(bytes, D8(), out);
    } else {
      StorePartial(bytes, D8(), out, channels);
    }
  }

  /// The blocks [begin, end), of which `packed` is the first.
  struct RunSpan {
    const DepthwiseProblem& problem;
    const char* packed;
    size_t begin, end;
    size_t channels, taps;

    void operator()(const DepthwiseSpan<int8_t>& span) const {
      const bool curve = problem.curve.coefficients != nullptr;
      for (size_t block = begin; block < end; ++block) {
        const auto& weights =
            *reinterpret_cast<const Packed*>(packed + (block - begin) * BlockBytes(taps));
        const size_t channel = BlockChannel(block, kLanes, channels);
        if (taps == 9) {
          curve ? RunCurve<StepsOf(9)>(span, weights, channel)
                : RunBlock<StepsOf(9)>(span, weights, channel);
        } else {
          curve ? RunCurve<0>(span, weights, channel) : RunBlock<0>(span, weights, channel);
        }
      }
    }

    template <size_t kSteps>
    void RunBlock(const DepthwiseSpan<int8_t>& span, const Packed& weights, size_t channel) const {
      const Requantizer<DF> requantize(problem.output);
      size_t offset = channel;
      int8_t* out = span.out + channel;
      for (size_t pixel = 0; pixel < span.count; ++pixel) {
        VI32 total[4];
        SumPixel<kSteps>(span.taps, offset, weights, StepsOf(taps), total);
        for (size_t i = 0; i < 4; ++i) {
          total[i] = requantize(total[i], hn::LoadU(DF(), weights.multiplier + i * kQuarter));
        }
        StoreQuarters(total, channels, out);
        offset += span.in_step;
        out += span.out_step;
      }
    }

    /// By a curve, in three loops over a few pixels: sums and curve each take all registers.
    template <size_t kSteps>
    void RunCurve(const DepthwiseSpan<int8_t>& span, const Packed& weights, size_t channel) const {
      const D32 d32;
      const Requantizer<DF> requantize(problem.output);
      HWY_ALIGN int32_t sums[kCurvePixels * kLanes];
      size_t offset = channel;
      int8_t* out = span.out + channel;
      for (size_t left = span.count; left != 0;) {
        const size_t count = std::min(left, kCurvePixels);
        VI32 total[4];
        for (size_t pixel = 0; pixel < count; ++pixel, offset += span.in_step) {
          SumPixel<kSteps>(span.taps, offset, weights, StepsOf(taps), total);
          for (size_t i = 0; i < 4; ++i) {
            hn::Store(total[i], d32, sums + pixel * kLanes + i * kQuarter);
          }
        }
        CurveSums(weights, count, sums);
        for (size_t pixel = 0; pixel < count; ++pixel, out += span.out_step) {
          for (size_t i = 0; i < 4; ++i) {
            const VI32 value = hn::Load(d32, sums + pixel * kLanes + i * kQuarter);
            total[i] = requantize.FromReal(hn::BitCast(DF(), value));
          }
          StoreQuarters(total, channels, out);
        }
        left -= count;
      }
    }

    /// Replaces sums of some pixels by the curve's values.
    void CurveSums(const Packed& weights, size_t pixels, int32_t* sums) const {
      const D32 d32;
      const CurveFunction<DF> function(problem.curve);
      for (size_t i = 0; i < kLanes; i += kQuarter) {
        const auto multiplier = hn::LoadU(DF(), weights.multiplier + i);
        const auto factor = hn::LoadU(DF(), weights.factor + i);
        for (size_t pixel = 0; pixel < pixels; ++pixel) {
          int32_t* at = sums + pixel * kLanes + i;
          hn::Store(hn::BitCast(d32, function(hn::Load(d32, at), multiplier, factor)), d32, at);
        }
      }
    }
  };
};

// Three sizes of blocks; a layer uses the largest that it fills, or the smallest.
using IntDepthwise128 = IntDepthwise<hn::CappedTag<int8_t, 16>>;
using IntDepthwise256 = IntDepthwise<hn::CappedTag<int8_t, 32>>;
using IntDepthwiseFull = IntDepthwise<hn::ScalableTag<int8_t>>;

/// Calls function(kernel) with the kernel for n channels.
template <class Function>
HWY_INLINE auto WithIntDepthwise(size_t n, Function function) {
  if (n >= IntDepthwiseFull::kLanes) return function(IntDepthwiseFull());
  if (n >= IntDepthwise256::kLanes) return function(IntDepthwise256());
  return function(IntDepthwise128());
}

constexpr size_t kMinIntChannels = IntDepthwise128::kLanes;

inline size_t IntDepthwiseBytes(size_t n, size_t k, const WeightForm& form) {
  if (form.coded()) return StoredBytes(n, k, form);
  return WithIntDepthwise(
      n, [=](auto kernel) { return (decltype(kernel)::Bytes(n, k) + 63) / 64 * 64; });
}

inline void IntDepthwisePack(const IntWeights& weights, void* packed) {
  if (weights.form.coded()) return StoreWeights(weights, packed);
  WithIntDepthwise(weights.n, [&](auto kernel) {
    using Kernel = decltype(kernel);
    Kernel::PackBlocks(weights, 0, Kernel::Blocks(weights.n), static_cast<char*>(packed));
  });
}

inline size_t IntWalkBytes(const DepthwiseProblem& p) {
  return (DepthwiseWalk<int8_t>::ScratchBytes(p, kMinIntChannels) + 63) / 64 * 64;
}

inline void IntDepthwisePlan(DepthwiseProblem& p) {
  p.scratch_bytes = IntWalkBytes(p);
  if (!p.form.coded()) return;
  const size_t n = p.channels * p.channel_multiplier;
  const size_t taps = static_cast<size_t>(p.window.kernel_h) * p.window.kernel_w;
  p.scratch_bytes += WithIntDepthwise(n, [=](auto kernel) {
    using Kernel = decltype(kernel);
    return Kernel::StripBlocks(n, taps) * Kernel::BlockBytes(taps);
  });
}

template <class Kernel>
void RunIntDepthwise(const DepthwiseProblem& p, const int8_t* in, const void* packed, int8_t* out,
                     size_t row_begin, size_t row_end, void* scratch) {
  DepthwiseWalk<int8_t> walk(p, kMinIntChannels, static_cast<int8_t>(p.left_zero_point), scratch);
  const size_t n = p.channels * p.channel_multiplier;
  const size_t taps = static_cast<size_t>(p.window.kernel_h) * p.window.kernel_w;
  const size_t blocks = Kernel::Blocks(n);
  if (!p.form.coded()) {
    walk.Rows(in, out, row_begin, row_end,
              typename Kernel::RunSpan{p, static_cast<const char*>(packed), 0, blocks, n, taps});
    return;
  }
  const IntWeights weights = StoredWeights(packed, n, taps, p.form, p.left_zero_point);
  char* strip = static_cast<char*>(scratch) + IntWalkBytes(p);
  const size_t step = Kernel::StripBlocks(n, taps);
  for (size_t begin = 0; begin < blocks; begin += step) {
    const size_t end = std::min(blocks, begin + step);
    Kernel::PackBlocks(weights, begin, end, strip);
    walk.Rows(in, out, row_begin, row_end, typename Kernel::RunSpan{p, strip, begin, end, n, taps});
  }
}

inline void IntDepthwiseRun(const DepthwiseProblem& p, const int8_t* in, const void* packed,
                            int8_t* out, size_t row_begin, size_t row_end, void* scratch) {
  WithIntDepthwise(p.channels * p.channel_multiplier, [&](auto kernel) {
    RunIntDepthwise<decltype(kernel)>(p, in, packed, out, row_begin, row_end, scratch);
  });
}

constexpr IntDepthwiseKernels MakeIntDepthwise() {
  return {&IntDepthwiseBytes, &IntDepthwisePack, &IntDepthwisePlan, &IntDepthwiseRun};
}

// ------------------------------ float

template <class DF>
struct FloatDepthwise {
  using V = hn::Vec<DF>;
  static constexpr size_t kLanes = hn::MaxLanes(DF());

  /// Packed block: bias, then one vector of weights per tap.
  static size_t BlockFloats(size_t k) { return (1 + k) * kLanes; }
  static size_t Bytes(size_t n, size_t k) {
    return (n + kLanes - 1) / kLanes * BlockFloats(k) * sizeof(float);
  }

  static void PackAll(const FloatWeights& w, float* packed) {
    std::fill_n(packed, Bytes(w.n, w.k) / sizeof(float), 0.0F);
    for (size_t block = 0; block * kLanes < w.n; ++block, packed += BlockFloats(w.k)) {
      const size_t first = BlockChannel(block, kLanes, w.n);
      for (size_t lane = 0; lane < kLanes && first + lane < w.n; ++lane) {
        const size_t n = first + lane;
        packed[lane] = w.bias != nullptr ? w.bias[n] : 0.0F;
        for (size_t k = 0; k < w.k; ++k) {
          packed[(1 + k) * kLanes + lane] = w.values[n * w.stride_n + k * w.stride_k];
        }
      }
    }
  }

  struct RunSpan {
    const float* packed;
    size_t channels, taps;
    FloatClamp clamp;

    void operator()(const DepthwiseSpan<float>& span) const {
      const FloatClamper<DF> clamper(clamp);
      for (size_t block = 0; block * kLanes < channels; ++block) {
        RunBlock(span, packed + block * BlockFloats(taps), BlockChannel(block, kLanes, channels),
                 clamper);
      }
    }

    void RunBlock(const DepthwiseSpan<float>& span, const float* block, size_t channel,
                  const FloatClamper<DF>& clamper) const {
      const DF df;
      size_t offset = channel;
      float* out = span.out + channel;
      for (size_t pixel = 0; pixel < span.count; ++pixel) {
        V sum = hn::Zero(df);
        for (size_t tap = 0; tap < taps; ++tap) {
          const V x = hn::LoadU(df, span.taps[tap] + offset);
          sum = hn::Add(sum, hn::Mul(x, hn::LoadU(df, block + (1 + tap) * kLanes)));
        }
        const V y = clamper(hn::Add(sum, hn::LoadU(df, block)));
        if (channels >= kLanes) {
          hn::StoreU(y, df, out);
        } else {
          StorePartial(y, df, out, channels);
        }
        offset += span.in_step;
        out += span.out_step;
      }
    }
  };
};

using FloatDepthwiseFull = FloatDepthwise<hn::ScalableTag<float>>;
using FloatDepthwise128 = FloatDepthwise<hn::CappedTag<float, 4>>;

template <class Function>
HWY_INLINE auto WithFloatDepthwise(size_t n, Function function) {
  if (n >= FloatDepthwiseFull::kLanes) return function(FloatDepthwiseFull());
  return function(FloatDepthwise128());
}

inline size_t FloatDepthwiseBytes(size_t n, size_t k) {
  return WithFloatDepthwise(
      n, [=](auto kernel) { return (decltype(kernel)::Bytes(n, k) + 63) / 64 * 64; });
}

inline void FloatDepthwisePack(const FloatWeights& weights, void* packed) {
  WithFloatDepthwise(weights.n, [&](auto kernel) {
    decltype(kernel)::PackAll(weights, static_cast<float*>(packed));
  });
}

inline void FloatDepthwisePlan(DepthwiseProblem& problem) {
  problem.scratch_bytes = DepthwiseWalk<float>::ScratchBytes(problem, FloatDepthwise128::kLanes);
}

inline void FloatDepthwiseRun(const DepthwiseProblem& p, const float* in, const void* packed,
                              float* out, size_t row_begin, size_t row_end, void* scratch) {
  DepthwiseWalk<float> walk(p, FloatDepthwise128::kLanes, 0.0F, scratch);
  const size_t n = p.channels * p.channel_multiplier;
  const size_t taps = static_cast<size_t>(p.window.kernel_h) * p.window.kernel_w;
  WithFloatDepthwise(n, [&](auto kernel) {
    const typename decltype(kernel)::RunSpan run{static_cast<const float*>(packed), n, taps,
                                                 p.clamp};
    walk.Rows(in, out, row_begin, row_end, run);
  });
}

constexpr FloatDepthwiseKernels MakeFloatDepthwise() {
  return {&FloatDepthwiseBytes, &FloatDepthwisePack, &FloatDepthwisePlan, &FloatDepthwiseRun};
}

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
