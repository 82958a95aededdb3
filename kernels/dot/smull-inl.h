// Products of s8 in 16 bits, added to 32 in pairs: NEON as every arm64 processor has it.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

struct Dot {
  using Left = int8_t;
  /// Two channels in each register, two partial sums for each channel.
  struct Acc {
    int32x4_t low, high;
  };
  using Weights = int8x16_t;
  using Stored = int8_t;
  static constexpr size_t kUnit = 4, kSteps = 1;
  static constexpr int32_t kLeftOffset = 0;
  static constexpr int32_t kLargest = kAnyWeight;
  static constexpr size_t kTileRows = 4, kTileVectors = 3;  // 24 + 3 + 1 + 2 of 32 registers
  static HWY_INLINE Acc Zero() { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }
  static HWY_INLINE Weights Load(const int8_t* weights) { return vld1q_s8(weights); }
  static HWY_INLINE Weights Decoded(VBytes bytes) { return vreinterpretq_s8_u8(bytes.raw); }
  static HWY_INLINE Acc Step(Acc acc, VI32 left, Weights weights) {
    const int8x16_t l = vreinterpretq_s8_s32(left.raw);
    return {vpadalq_s16(acc.low, vmull_s8(vget_low_s8(l), vget_low_s8(weights))),
            vpadalq_s16(acc.high, vmull_high_s8(l, weights))};
  }
  static HWY_INLINE void Keep(Acc& /*acc*/) {}
  static HWY_INLINE VI32 Sum(Acc acc) { return VI32{vpaddq_s32(acc.low, acc.high)}; }
};

using WideDot = void;
using CodeDots = Dots<Dot>;

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
