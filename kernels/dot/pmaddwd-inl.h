// Two products of s16 in one instruction, added in 32 bits: x86 without VNNI, registers of any
// length. Weights are widened when they are loaded, the left operand when it is packed.
//
// pmaddubsw is for weights that are known to be small, which tables of codes can promise (ByteDot).
// Its pair sums fit int16 only for some int8 weights, and the extra steps that the others cost make
// it slower than pmaddwd for real networks.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

struct Dot {
  using Left = int16_t;
  using Acc = VI32;
  using Weights = VI16;
  using Stored = int8_t;
  static constexpr size_t kUnit = 2, kSteps = 1;
  static constexpr int32_t kLeftOffset = 0;
  static constexpr int32_t kLargest = kAnyWeight;
  // 24 + 2 + 1 + 1 of 32 registers, 12 + 2 + 1 + 1 of 16.
  static constexpr size_t kTileRows = kRegisters == 32 ? 12 : 6, kTileVectors = 2;
  static HWY_INLINE Acc Zero() { return hn::Zero(DI32()); }
  static HWY_INLINE Weights Load(const int8_t* weights) {
    return hn::PromoteTo(DI16(), hn::LoadU(hn::Rebind<int8_t, DI16>(), weights));
  }
  static HWY_INLINE Acc Step(Acc acc, VI32 left, Weights weights) {
    VI32 unused = hn::Zero(DI32());
    return hn::ReorderWidenMulAccumulate(DI32(), hn::BitCast(DI16(), left), weights, acc, unused);
  }
  static HWY_INLINE void Keep(Acc& acc) { KeepInRegister(acc); }
  static HWY_INLINE VI32 Sum(Acc acc) { return acc; }
};

struct WideDot : Dot {
  using Stored = int16_t;
  static HWY_INLINE Weights Load(const int16_t* weights) { return hn::LoadU(DI16(), weights); }
};

/// Sums of two products of a u8 of `left` and an s8 of `weights`, saturated: pmaddubsw.
HWY_INLINE VI16 ByteProducts(VI32 left, VI32 weights) {
#if HWY_CAP_GE512
  return VI16{_mm512_maddubs_epi16(left.raw, weights.raw)};
#elif HWY_CAP_GE256
  return VI16{_mm256_maddubs_epi16(left.raw, weights.raw)};
#else
  return VI16{_mm_maddubs_epi16(left.raw, weights.raw)};
#endif
}

/// pmaddubsw for weights of at most 64 / kCount in magnitude: kCount of its sums of two products,
/// each within 2 * 255 * 64 / kCount, fit 16 bits together.
template <size_t kCount>
struct ByteDot {
  using Left = uint8_t;
  using Acc = VI32;
  using Weights = VI32;
  using Stored = int8_t;
  static constexpr size_t kUnit = 4, kSteps = kCount;
  static constexpr int32_t kLeftOffset = 128;
  static constexpr int32_t kLargest = 64 / kCount;
  // 20 + 4 + 2 + 2 of 32 registers, 8 + 4 + 2 + 2 of 16.
  static constexpr size_t kTileRows = kRegisters == 32 ? 10 : 4, kTileVectors = 2;
  static HWY_INLINE Acc Zero() { return hn::Zero(DI32()); }
  static HWY_INLINE Weights Load(const int8_t* weights) {
    return hn::LoadU(DI32(), reinterpret_cast<const int32_t*>(weights));
  }
  static HWY_INLINE Weights Decoded(VBytes bytes) { return hn::BitCast(DI32(), bytes); }
  static HWY_INLINE Acc AddProducts(Acc acc, VI16 products) {
    VI32 unused = hn::Zero(DI32());
    const VI16 ones = hn::Set(DI16(), 1);
    return hn::ReorderWidenMulAccumulate(DI32(), products, ones, acc, unused);
  }
  static HWY_INLINE Acc Step(Acc acc, VI32 left, Weights weights) {
    return AddProducts(acc, ByteProducts(left, weights));
  }
  static HWY_INLINE Acc Step(Acc acc, VI32 left0, VI32 left1, Weights weights0, Weights weights1) {
    return AddProducts(acc, hn::Add(ByteProducts(left0, weights0), ByteProducts(left1, weights1)));
  }
  static HWY_INLINE void Keep(Acc& acc) { KeepInRegister(acc); }
  static HWY_INLINE VI32 Sum(Acc acc) { return acc; }
};

using CodeDots = Dots<ByteDot<2>, ByteDot<1>, Dot>;

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
