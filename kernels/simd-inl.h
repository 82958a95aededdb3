// What the SIMD kernels share: blocks of int8 elements as int32 lanes and back, requantization, and
// the primitives of float_functions-inl.h on vectors.
//
// A block is one vector of int16: 8, 16 or 32 elements. Widening and narrowing stay inside 128-bit
// lanes, so the two int32 vectors of a block hold its elements in "lane order": of every eight
// elements the first four are in `lo` and the last four in `hi`.
#include <hwy/highway.h>

#include "kernels/elementwise.h"
#include "kernels/float_scalar.h"
#include "kernels/shape.h"

HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// The tags of a block of D16's lanes.
template <class D16>
struct Block {
  using DI8 = hn::Rebind<int8_t, D16>;
  using DI16 = D16;
  using DI32 = hn::RepartitionToWide<D16>;
  using DF = hn::RebindToFloat<DI32>;
  using VI16 = hn::Vec<DI16>;
  using VI32 = hn::Vec<DI32>;
  using VF = hn::Vec<DF>;

  static constexpr size_t kLanes = hn::MaxLanes(D16());
  struct Pair32 {
    VI32 lo, hi;
  };

  static HWY_INLINE VI16 Load(const int8_t* from) {
    return hn::PromoteTo(DI16(), hn::LoadU(DI8(), from));
  }
  static HWY_INLINE void Store(VI16 values, int8_t* to) {
    hn::StoreU(hn::DemoteTo(DI8(), values), DI8(), to);
  }
  static HWY_INLINE Pair32 Widen(VI16 v) {
    const DI32 d32;
    return {hn::ShiftRight<16>(hn::BitCast(d32, hn::InterleaveLower(DI16(), v, v))),
            hn::ShiftRight<16>(hn::BitCast(d32, hn::InterleaveUpper(DI16(), v, v)))};
  }
  static HWY_INLINE VI16 Narrow(VI32 lo, VI32 hi) { return hn::ReorderDemote2To(DI16(), lo, hi); }

  /// Element `lane` of a block lies at this index of {lo, hi} written one after the other.
  static size_t LaneOrder(size_t lane) {
    const size_t half = lane / 4 % 2;
    return half * (kLanes / 2) + lane / 8 * 4 + lane % 4;
  }
};

#if HWY_ARCH_X86
/// packsswb, in each 128-bit lane: its int16 of `a`, then those of `b`, saturated to int8.
HWY_INLINE __m128i PackBytes(__m128i a, __m128i b) { return _mm_packs_epi16(a, b); }
#if HWY_CAP_GE256
HWY_INLINE __m256i PackBytes(__m256i a, __m256i b) { return _mm256_packs_epi16(a, b); }
#endif
#if HWY_CAP_GE512
HWY_INLINE __m512i PackBytes(__m512i a, __m512i b) { return _mm512_packs_epi16(a, b); }
#endif
#endif

/// The requantization rule (docs/quantization.md) on int32 lanes. Adding 1.5 * 2^23 rounds half to
/// even; the low bits are then the integer, and the subtraction that removes the constant adds the
/// zero point.
template <class DF>
class Requantizer {
  using DI = hn::RebindToSigned<DF>;

 public:
  explicit HWY_INLINE Requantizer(const OutputQuant& output)
      : lo_(hn::Set(DF(), static_cast<float>(output.lo - output.zero_point))),
        hi_(hn::Set(DF(), static_cast<float>(output.hi - output.zero_point))),
        round_(hn::Set(DF(), 12582912.0F)),
        offset_(hn::Set(DI(), 0x4B400000 - output.zero_point)) {}

  HWY_INLINE hn::Vec<DI> FromReal(hn::Vec<DF> x) const {
    const auto clamped = hn::Min(hn::Max(x, lo_), hi_);
    return hn::Sub(hn::BitCast(DI(), hn::Add(clamped, round_)), offset_);
  }
  HWY_INLINE hn::Vec<DI> operator()(hn::Vec<DI> acc, hn::Vec<DF> multiplier) const {
    return FromReal(hn::Mul(hn::ConvertTo(DF(), acc), multiplier));
  }

 private:
  hn::Vec<DF> lo_, hi_, round_;
  hn::Vec<DI> offset_;
};

/// The first `count` < Lanes(d) elements, the rest zero; never touches memory beyond them.
template <class D, typename T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> LoadPartial(D d, const T* from, size_t count) {
  HWY_ALIGN T buffer[hn::MaxLanes(D())] = {};
  __builtin_memcpy(buffer, from, count * sizeof(T));
  return hn::Load(d, buffer);
}

template <class D, typename T = hn::TFromD<D>>
HWY_INLINE void StorePartial(hn::Vec<D> values, D d, T* to, size_t count) {
  HWY_ALIGN T buffer[hn::MaxLanes(D())];
  hn::Store(values, d, buffer);
  __builtin_memcpy(to, buffer, count * sizeof(T));
}

/// Same operations as reference::FloatLane.
struct FloatLanes {
  using D = hn::ScalableTag<float>;
  using DI = hn::RebindToSigned<D>;
  using V = hn::Vec<D>;
  using M = hn::Mask<D>;

  static HWY_INLINE V Set(float x) { return hn::Set(D(), x); }
  static HWY_INLINE V Add(V a, V b) { return hn::Add(a, b); }
  static HWY_INLINE V Sub(V a, V b) { return hn::Sub(a, b); }
  static HWY_INLINE V Mul(V a, V b) { return hn::Mul(a, b); }
  static HWY_INLINE V Div(V a, V b) { return hn::Div(a, b); }
  static HWY_INLINE V Sqrt(V a) { return hn::Sqrt(a); }
  static HWY_INLINE M Lt(V a, V b) { return hn::Lt(a, b); }
  static HWY_INLINE M Eq(V a, V b) { return hn::Eq(a, b); }
  static HWY_INLINE M IsNaN(V a) { return hn::Not(hn::Eq(a, a)); }  // Ne is ordered on x86
  static HWY_INLINE bool AnyLt(V a, V b) { return !hn::AllFalse(D(), hn::Lt(a, b)); }
  static HWY_INLINE V If(M condition, V yes, V no) { return hn::IfThenElse(condition, yes, no); }
  static HWY_INLINE V Abs(V a) { return hn::Abs(a); }
  static HWY_INLINE V Neg(V a) { return hn::Xor(a, hn::SignBit(D())); }
  static HWY_INLINE V CopySign(V magnitude, V sign) { return hn::CopySign(magnitude, sign); }
  static HWY_INLINE V Round(V a) { return hn::Round(a); }
  static HWY_INLINE V Floor(V a) { return hn::Floor(a); }

  static HWY_INLINE V Pow2(V n) {
    const auto exponent = hn::Add(hn::ConvertTo(DI(), n), hn::Set(DI(), 127));
    return hn::BitCast(D(), hn::ShiftLeft<23>(exponent));
  }

  static HWY_INLINE V Split(V x, V& mantissa) {
    const auto bits = hn::BitCast(DI(), x);
    const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(DI(), 0x3F3504F3)));
    mantissa = hn::BitCast(D(), hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
    return hn::ConvertTo(D(), exponent);
  }

  template <class Function>
  static void ForEach(V x, V& a, V& b, Function function) {
    HWY_ALIGN float lanes[3][hn::MaxLanes(D())];
    hn::Store(x, D(), lanes[0]);
    hn::Store(a, D(), lanes[1]);
    hn::Store(b, D(), lanes[2]);
    for (size_t i = 0; i < hn::MaxLanes(D()); ++i) function(lanes[0][i], lanes[1][i], lanes[2][i]);
    a = hn::Load(D(), lanes[1]);
    b = hn::Load(D(), lanes[2]);
  }
};

/// NaN keeps `x`, as Clamp of the reference.
template <class DF>
class FloatClamper {
 public:
  explicit HWY_INLINE FloatClamper(const FloatClamp& clamp)
      : lo_(hn::Set(DF(), clamp.lo)), hi_(hn::Set(DF(), clamp.hi)) {}
  HWY_INLINE hn::Vec<DF> operator()(hn::Vec<DF> x) const {
    x = hn::IfThenElse(hn::Lt(x, lo_), lo_, x);
    return hn::IfThenElse(hn::Gt(x, hi_), hi_, x);
  }

 private:
  hn::Vec<DF> lo_, hi_;
};

#include "kernels/float_functions-inl.h"

using Functions = FloatFunctions<FloatLanes>;

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
