// Four products of s8 in one instruction, added in 32 bits: NEON with dotprod.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

struct Dot {
  using Left = int8_t;
  using Acc = VI32;
  using Weights = int8x16_t;
  using Stored = int8_t;
  static constexpr size_t kUnit = 4, kSteps = 1;
  static constexpr int32_t kLeftOffset = 0;
  static constexpr int32_t kLargest = kAnyWeight;
  static constexpr size_t kTileRows = 6, kTileVectors = 4;  // 24 + 4 + 1 of 32 registers
  static HWY_INLINE Acc Zero() { return hn::Zero(DI32()); }
  static HWY_INLINE Weights Load(const int8_t* weights) { return vld1q_s8(weights); }
  static HWY_INLINE Weights Decoded(VBytes bytes) { return vreinterpretq_s8_u8(bytes.raw); }
  static HWY_INLINE Acc Step(Acc acc, VI32 left, Weights weights) {
    return Acc{vdotq_s32(acc.raw, vreinterpretq_s8_s32(left.raw), weights)};
  }
  static HWY_INLINE void Keep(Acc& acc) { KeepInRegister(acc); }
  static HWY_INLINE VI32 Sum(Acc acc) { return acc; }
};

using WideDot = void;
using CodeDots = Dots<Dot>;

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
