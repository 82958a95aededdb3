// Reductions of [outer][reduced][inner]. Reference: reference/reduce.cc.
//
// inner > 1 (a mean over pixels) runs over blocks of inner, inner = 1 along the reduced dimension
// itself. Float reductions keep the 16 virtual lanes of reference/lanes.h in either case.
#include <hwy/highway.h>

#include "kernels/reference/float_lane.h"
#include "kernels/reference/lanes.h"

HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

// ------------------------------ int8

inline int8_t ClampByte(int32_t q, const OutputQuant& output) {
  return static_cast<int8_t>(std::min(std::max(q, output.lo), output.hi));
}

/// Sum of contiguous bytes: shifted to unsigned they add up in 64-bit lanes.
inline int32_t SumBytes(const int8_t* q, size_t count) {
  const hn::ScalableTag<int8_t> d8;
  const hn::RebindToUnsigned<decltype(d8)> du8;
  const hn::ScalableTag<uint64_t> du64;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<int8_t>());
  auto sums = hn::Zero(du64);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto flipped = hn::Xor(hn::LoadU(d8, q + i), hn::Set(d8, -128));
    sums = hn::Add(sums, hn::SumsOf8(hn::BitCast(du8, flipped)));
  }
  const uint64_t total = hn::GetLane(hn::SumOfLanes(du64, sums)) - 128 * i;
  auto sum = static_cast<uint32_t>(total);
  for (; i < count; ++i) sum += static_cast<uint32_t>(static_cast<int32_t>(q[i]));
  return static_cast<int32_t>(sum);
}

inline int32_t MaxByte(const int8_t* q, size_t count) {
  const hn::ScalableTag<int8_t> d8;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<int8_t>());
  auto best = hn::Set(d8, -128);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) best = hn::Max(best, hn::LoadU(d8, q + i));
  HWY_ALIGN int8_t lanes[kLanes];
  hn::Store(best, d8, lanes);
  int8_t max = lanes[0];
  for (const int8_t lane : lanes) max = std::max(max, lane);
  for (; i < count; ++i) max = std::max(max, q[i]);
  return max;
}

inline void ReduceIntContiguous(const ReduceProblem& p, const int8_t* in, int8_t* out) {
  if (p.kind == ReduceKind::max) {
    *out = ClampByte(MaxByte(in, p.reduced), p.output);
  } else {
    const uint32_t zero = static_cast<uint32_t>(p.reduced) * static_cast<uint32_t>(p.zero_point_in);
    const uint32_t sum = static_cast<uint32_t>(SumBytes(in, p.reduced)) - zero;
    *out = Requantize(static_cast<int32_t>(sum), p.multiplier, p.output);
  }
}

inline void ReduceIntBlocks(const ReduceProblem& p, const int8_t* in, int8_t* out) {
  const hn::ScalableTag<int8_t> d8;
  if (p.kind == ReduceKind::max) {
    const auto lo = hn::Set(d8, static_cast<int8_t>(p.output.lo));
    const auto hi = hn::Set(d8, static_cast<int8_t>(p.output.hi));
    ForEachBlock<hn::MaxLanes(hn::ScalableTag<int8_t>())>(
        p.inner, [&](size_t inner, size_t lanes) HWY_ATTR {
          auto best = hn::Set(d8, -128);
          for (size_t i = 0; i < p.reduced; ++i) {
            best = hn::Max(best, LoadBlock(d8, in + i * p.inner + inner, lanes));
          }
          StoreBlock(hn::Min(hn::Max(best, lo), hi), d8, out + inner, lanes);
        });
    return;
  }
  const uint32_t zero = static_cast<uint32_t>(p.reduced) * static_cast<uint32_t>(p.zero_point_in);
  const SumRequantizer requantize(p.output, p.multiplier, static_cast<int32_t>(zero));
  ForEachBlock<kBlockLanes>(p.inner, [&](size_t inner, size_t lanes) HWY_ATTR {
    ByteBlock::Pair32 sums = {hn::Zero(BlockInt()), hn::Zero(BlockInt())};
    AddByteRows(in + inner, p.reduced, p.inner, lanes, sums);
    requantize.Store(sums, out + inner, lanes);
  });
}

inline void ReduceInt(const ReduceProblem& p, const int8_t* in, int8_t* out, size_t outer_begin,
                      size_t outer_end) {
  for (size_t outer = outer_begin; outer < outer_end; ++outer) {
    const int8_t* from = in + outer * p.reduced * p.inner;
    if (p.inner == 1) {
      ReduceIntContiguous(p, from, out + outer);
    } else {
      ReduceIntBlocks(p, from, out + outer * p.inner);
    }
  }
}

// ------------------------------ float

constexpr size_t kVirtualLanes = 16;
constexpr size_t kLaneVectors = kVirtualLanes / kF32Lanes;

/// A reduction: Take on elements, Join on partial results, Finish on the result; L is FloatLanes or
/// reference::FloatLane.
template <ReduceKind kKind, class L>
struct Reduction {
  using V = typename L::V;
  using F = std::conditional_t<std::is_same_v<L, FloatLanes>, Functions, reference::Functions>;
  static constexpr float kIdentity = kKind == ReduceKind::max    ? -__builtin_inff()
                                     : kKind == ReduceKind::min  ? __builtin_inff()
                                     : kKind == ReduceKind::prod ? 1.0F
                                                                 : 0.0F;
  static HWY_INLINE V Take(V x) {
    if constexpr (kKind == ReduceKind::l2) return L::Mul(x, x);
    return x;
  }
  static HWY_INLINE V Join(V a, V b) {
    if constexpr (kKind == ReduceKind::max) return F::Maximum(a, b);
    if constexpr (kKind == ReduceKind::min) return F::Minimum(a, b);
    if constexpr (kKind == ReduceKind::prod) return L::Mul(a, b);
    return L::Add(a, b);
  }
  static HWY_INLINE V Finish(V x, size_t count) {
    if constexpr (kKind == ReduceKind::mean) return L::Div(x, L::Set(static_cast<float>(count)));
    if constexpr (kKind == ReduceKind::l2) return L::Sqrt(x);
    return x;
  }
};

/// The tree: lane[j] = join(lane[j], lane[j + half]), half = 8, 4, 2, 1.
template <typename T, class Join>
HWY_INLINE T JoinLanes(T* lane, const Join& join) {
  for (size_t half = kVirtualLanes / 2; half >= 1; half /= 2) {
    for (size_t j = 0; j < half; ++j) lane[j] = join(lane[j], lane[j + half]);
  }
  return lane[0];
}

/// Contiguous elements, `load(i, count)` giving elements i .. i + count with identities behind.
template <class R, class Scalar, class Load>
HWY_INLINE float ReduceContiguous(size_t count, const Load& load) {
  const FloatTag d;
  FloatVector sums[kLaneVectors];
  for (FloatVector& sum : sums) sum = hn::Set(d, R::kIdentity);
  for (size_t i = 0; i < count; i += kVirtualLanes) {
    for (size_t v = 0; v < kLaneVectors; ++v) {
      const size_t first = i + v * kF32Lanes;
      if (first < count)
        sums[v] = R::Join(sums[v], load(first, std::min(count - first, kF32Lanes)));
    }
  }
  HWY_ALIGN float lanes[kVirtualLanes];
  for (size_t v = 0; v < kLaneVectors; ++v) hn::Store(sums[v], d, lanes + v * kF32Lanes);
  return JoinLanes(lanes, [](float a, float b) { return Scalar::Join(a, b); });
}

/// The first `count` lanes of x, `rest` behind them.
HWY_INLINE FloatVector KeepFirst(FloatVector x, size_t count, float rest) {
  const FloatTag d;
  return count == kF32Lanes
             ? x
             : hn::IfThenElse(hn::Lt(hn::Iota(d, 0.0F), hn::Set(d, static_cast<float>(count))), x,
                              hn::Set(d, rest));
}

template <ReduceKind kKind>
void ReduceFloatOf(const ReduceProblem& p, const float* in, float* out) {
  using R = Reduction<kKind, FloatLanes>;
  using Scalar = Reduction<kKind, reference::FloatLane>;
  const FloatTag d;
  if (p.inner == 1) {
    const auto load = [=](size_t i, size_t count) HWY_ATTR {
      return KeepFirst(R::Take(LoadBlock(FloatTag(), in + i, count)), count, R::kIdentity);
    };
    *out = Scalar::Finish(ReduceContiguous<R, Scalar>(p.reduced, load), p.reduced);
    return;
  }
  ForEachBlock<kF32Lanes>(p.inner, [&](size_t inner, size_t lanes) HWY_ATTR {
    FloatVector sums[kVirtualLanes];
    for (size_t j = 0; j < kVirtualLanes; ++j) {
      sums[j] = hn::Set(d, R::kIdentity);
      for (size_t i = j; i < p.reduced; i += kVirtualLanes) {
        sums[j] = R::Join(sums[j], R::Take(LoadBlock(d, in + i * p.inner + inner, lanes)));
      }
    }
    const auto join = [](FloatVector a, FloatVector b) HWY_ATTR { return R::Join(a, b); };
    StoreBlock(R::Finish(JoinLanes(sums, join), p.reduced), d, out + inner, lanes);
  });
}

inline void ReduceFloat(const ReduceProblem& p, const float* in, float* out, size_t outer_begin,
                        size_t outer_end) {
  for (size_t outer = outer_begin; outer < outer_end; ++outer) {
    const float* from = in + outer * p.reduced * p.inner;
    float* to = out + outer * p.inner;
    switch (p.kind) {
      case ReduceKind::mean:
        ReduceFloatOf<ReduceKind::mean>(p, from, to);
        break;
      case ReduceKind::sum:
        ReduceFloatOf<ReduceKind::sum>(p, from, to);
        break;
      case ReduceKind::max:
        ReduceFloatOf<ReduceKind::max>(p, from, to);
        break;
      case ReduceKind::min:
        ReduceFloatOf<ReduceKind::min>(p, from, to);
        break;
      case ReduceKind::prod:
        ReduceFloatOf<ReduceKind::prod>(p, from, to);
        break;
      case ReduceKind::l2:
        ReduceFloatOf<ReduceKind::l2>(p, from, to);
        break;
    }
  }
}

constexpr ReduceKernels MakeReduce() { return {&ReduceInt, &ReduceFloat}; }

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
