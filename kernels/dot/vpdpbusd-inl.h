// Four products of u8 and s8 in one instruction, added in 32 bits: AVX512-VNNI and AVX-VNNI. The
// left operand is flipped to unsigned when it is packed.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

struct Dot {
  using Left = uint8_t;
  using Acc = VI32;
  using Weights = VI32;
  using Stored = int8_t;  ///< weights in memory
  static constexpr size_t kUnit = 4, kSteps = 1;
  static constexpr int32_t kLeftOffset = 128;  ///< added to the left operand when it is packed
  static constexpr int32_t kLargest = kAnyWeight;
  // Of 32 registers: 24 accumulators, 4 weights, 1 left. vpdpbusd: 2 a cycle, 5 cycles, so at least
  // 10 chains; a step of the tile loads 4 + 6 times for 24 products. Of 16: 12 accumulators, 2
  // weights, 1 left.
  static constexpr size_t kTileRows = 6, kTileVectors = kRegisters == 32 ? 4 : 2;
  static HWY_INLINE Acc Zero() { return hn::Zero(DI32()); }
  static HWY_INLINE Weights Load(const int8_t* weights) {
    return hn::LoadU(DI32(), reinterpret_cast<const int32_t*>(weights));
  }
  static HWY_INLINE Weights Decoded(VBytes bytes) { return hn::BitCast(DI32(), bytes); }
  static HWY_INLINE Acc Step(Acc acc, VI32 left, Weights weights) {
#if HWY_CAP_GE512
    return Acc{_mm512_dpbusd_epi32(acc.raw, left.raw, weights.raw)};
#else
    return Acc{_mm256_dpbusd_avx_epi32(acc.raw, left.raw, weights.raw)};
#endif
  }
  static HWY_INLINE void Keep(Acc& acc) { KeepInRegister(acc); }
  static HWY_INLINE VI32 Sum(Acc acc) { return acc; }
};

using WideDot = void;
using CodeDots = Dots<Dot>;

/// AddPairs of whole registers, in one instruction.
HWY_INLINE VI32 AddPairs(DI32 /*d*/, VI32 sum, VI16 a, VI16 b) {
#if HWY_CAP_GE512
  return VI32{_mm512_dpwssd_epi32(sum.raw, a.raw, b.raw)};
#else
  return VI32{_mm256_dpwssd_avx_epi32(sum.raw, a.raw, b.raw)};
#endif
}

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
