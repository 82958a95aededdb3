// Curves (curve.h) on vectors: the pieces' coefficients are looked up in registers.
#include <hwy/highway.h>

#include "kernels/curve.h"

HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// Eight floats, of which every lane picks one by the lowest four bits of an integer: 0 to 7.
template <class DF>
class EightFloats {
  using DI = hn::RebindToSigned<DF>;
  using VF = hn::Vec<DF>;
  using VI = hn::Vec<DI>;

 public:
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  explicit HWY_INLINE EightFloats(const float* values) : table_(_mm256_loadu_ps(values)) {}
  HWY_INLINE VF operator[](VI index) const {
    if constexpr (hn::MaxLanes(DF()) == 4) {
      const __m256i wide = _mm256_castsi128_si256(index.raw);
      return VF{_mm256_castps256_ps128(_mm256_permutevar8x32_ps(table_, wide))};
    } else if constexpr (hn::MaxLanes(DF()) == 8) {
      return VF{_mm256_permutevar8x32_ps(table_, index.raw)};
    } else {
#if HWY_CAP_GE512
      return VF{_mm512_permutexvar_ps(index.raw, _mm512_castps256_ps512(table_))};
#endif
    }
  }

 private:
  __m256 table_;
#else
  explicit HWY_INLINE EightFloats(const float* values)
      : low_(hn::BitCast(DU8(), hn::LoadU(DF(), values))),
        high_(hn::BitCast(DU8(), hn::LoadU(DF(), values + 4))) {}
  HWY_INLINE VF operator[](VI index) const {
    const VI three = hn::And(index, hn::Set(DI(), 7));
    const VI first = hn::ShiftLeft<2>(three);
    const VI pairs = hn::Or(first, hn::ShiftLeft<8>(first));
    const VI bytes = hn::Add(hn::Or(pairs, hn::ShiftLeft<16>(pairs)), hn::Set(DI(), 0x03020100));
#if HWY_ARCH_ARM
    const uint8x16x2_t table = {{low_.raw, high_.raw}};
    return hn::BitCast(DF(), VU8{vqtbl2q_u8(table, hn::BitCast(DU8(), bytes).raw)});
#else
    // A shuffle sees the lowest four bits of a byte, which are its place in either half.
    const VI low = hn::BitCast(DI(), hn::TableLookupBytes(low_, hn::BitCast(DU8(), bytes)));
    const VI high = hn::BitCast(DI(), hn::TableLookupBytes(high_, hn::BitCast(DU8(), bytes)));
    return hn::BitCast(DF(), hn::IfThenElse(hn::Gt(three, hn::Set(DI(), 3)), high, low));
#endif
  }

 private:
  using DU8 = hn::Repartition<uint8_t, DI>;
  using VU8 = hn::Vec<DU8>;
  VU8 low_, high_;
#endif
};

/// Requantizer's first half: from sums to real values in units of the output's scale.
template <class DF>
class CurveFunction {
  using DI = hn::RebindToSigned<DF>;
  using VF = hn::Vec<DF>;

 public:
  explicit HWY_INLINE CurveFunction(const Curve& curve)
      : c0_(curve.coefficients),
        c1_(curve.coefficients + kCurvePieces),
        c2_(curve.coefficients + 2 * kCurvePieces),
        c3_(curve.coefficients + 3 * kCurvePieces),
        c4_(curve.coefficients + 4 * kCurvePieces),
        offset_(hn::Set(DF(), curve.offset)) {}

  HWY_INLINE VF operator()(hn::Vec<DI> acc, VF multiplier, VF factor) const {
    const DF df;
    // The sum with 2^23 is rounded to an integer, half to even, which is then in its lowest bits.
    const VF round = hn::Set(df, 8388608.0F);
    const VF t = hn::Add(hn::Mul(hn::ConvertTo(df, acc), multiplier), offset_);
    const VF last = hn::Set(df, static_cast<float>(kCurvePieces - 1));
    const VF rounded = hn::Add(hn::Min(hn::Max(t, hn::Zero(df)), last), round);
    const hn::Vec<DI> piece = hn::BitCast(DI(), rounded);
    const VF u = hn::Sub(t, hn::Sub(rounded, round));
    VF y = hn::Add(hn::Mul(c4_[piece], u), c3_[piece]);
    y = hn::Add(hn::Mul(y, u), c2_[piece]);
    y = hn::Add(hn::Mul(y, u), c1_[piece]);
    y = hn::Add(hn::Mul(y, u), c0_[piece]);
    return hn::Mul(y, factor);
  }

 private:
  EightFloats<DF> c0_, c1_, c2_, c3_, c4_;
  VF offset_;
};

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
