// 16-bit activations (wide.h) on vectors: the last step of their products, which is the GEMM's
// epilogue, and the element-wise parts.
#include <hwy/highway.h>

#include "kernels/wide.h"

HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// From sums as floats to the output.
template <class DF>
class WideValue {
  using DI = hn::RebindToSigned<DF>;
  using D16 = hn::Rebind<int16_t, DI>;
  using VF = hn::Vec<DF>;

 public:
  HWY_INLINE WideValue(const FloatClamp& clamp, bool to_int16)
      : clamp_(to_int16 ? FloatClamp{std::max(clamp.lo, -static_cast<float>(kWideLargest)),
                                     std::min(clamp.hi, static_cast<float>(kWideLargest))}
                        : clamp),
        to_int16_(to_int16) {}

  /// The first `count` lanes to out[at ..], which holds int16 or float.
  HWY_INLINE void Store(VF total, VF multiplier, VF bias, void* out, size_t at,
                        size_t count) const {
    const DF df;
    const VF value = clamp_(hn::Add(hn::Mul(total, multiplier), bias));
    if (!to_int16_) {
      StoreCount(value, df, static_cast<float*>(out) + at, count);
      return;
    }
    // As Requantizer: the sum with 1.5 * 2^23 has the integer in its low bits.
    const auto rounded = hn::BitCast(DI(), hn::Add(value, hn::Set(df, 12582912.0F)));
    const auto q = hn::Sub(rounded, hn::Set(DI(), 0x4B400000));
    StoreCount(hn::DemoteTo(D16(), q), D16(), static_cast<int16_t*>(out) + at, count);
  }

 private:
  template <class D, typename T>
  static HWY_INLINE void StoreCount(hn::Vec<D> v, D d, T* to, size_t count) {
    if (count >= hn::MaxLanes(D())) {
      hn::StoreU(v, d, to);
    } else {
      StorePartial(v, d, to, count);
    }
  }

  FloatClamper<DF> clamp_;
  bool to_int16_;
};

inline void WideQuantize(float scale, View<const float> in, View<int16_t> out, size_t rows,
                         size_t cols) {
  const FloatTag df;
  const WideValue<FloatTag> value({}, /*to_int16=*/true);
  const auto one = hn::Set(df, 1.0F), none = hn::Set(df, 0.0F), divisor = hn::Set(df, scale);
  for (size_t row = 0; row < rows; ++row) {
    const RowReader<float, kF32Lanes> x(in, row);
    int16_t* to = out.data + row * out.stride;
    for (size_t i = 0; i < cols; i += kF32Lanes) {
      const size_t count = std::min(kF32Lanes, cols - i);
      const auto v = count == kF32Lanes ? hn::LoadU(df, x.At(i)) : LoadPartial(df, x.At(i), count);
      const auto quotient = hn::Div(v, divisor);
      value.Store(hn::IfThenElseZero(hn::Eq(quotient, quotient), quotient), one, none, to, i,
                  count);
    }
  }
}

inline void WideSplit(const int16_t* in, int8_t* high, int8_t* low, size_t count) {
  const hn::ScalableTag<int16_t> d;
  const hn::Rebind<int8_t, decltype(d)> d8;
  const auto largest = hn::Set(d, int16_t{kWideLargest});
  const auto half = hn::Set(d, int16_t{128});
  const auto split = [&](auto v, int8_t* to_high, int8_t* to_low) HWY_ATTR {
    v = hn::Min(v, largest);
    const auto upper = hn::ShiftRight<8>(hn::Add(v, half));
    hn::StoreU(hn::DemoteTo(d8, upper), d8, to_high);
    hn::StoreU(hn::DemoteTo(d8, hn::Sub(v, hn::ShiftLeft<8>(upper))), d8, to_low);
  };
  constexpr size_t kStep = HWY_LANES(int16_t);
  size_t i = 0;
  for (; i + kStep <= count; i += kStep) split(hn::LoadU(d, in + i), high + i, low + i);
  if (i < count) {
    HWY_ALIGN int8_t rest[2][kStep];
    split(LoadPartial(d, in + i, count - i), rest[0], rest[1]);
    std::memcpy(high + i, rest[0], count - i);
    std::memcpy(low + i, rest[1], count - i);
  }
}

constexpr WideKernels MakeWide() { return {&WideQuantize, &WideSplit}; }

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
