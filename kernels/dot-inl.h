// The dot primitive of a row: everything the integer GEMM asks of an instruction set.
//
// One Step multiplies kUnit consecutive k of one left row (4 bytes, broadcast) with the same k of
// kLanes channels and adds the sums to 32-bit accumulators, one channel in each lane:
//
//   row            kUnit  left in scratch  instructions of a step            MAC of a step
//   avx512vnni     4      u8 (flipped)     vpdpbusd                          64
//   avxvnni        4      u8 (flipped)     vpdpbusd                          32
//   avx512         2      s16              vpmovsxbw, vpmaddwd, vpaddd       32
//   avx2           2      s16              vpmovsxbw, vpmaddwd, vpaddd       16
//   neon_dotprod   4      s8               sdot                              16
//   neon           4      s8               smull, smull2, 2 sadalp           16
//
// All are exact: no product or intermediate sum can leave its type (docs/kernels.md has the proof).
// vpmaddubsw is for weights that are known to be small, which tables of codes can promise
// (ByteDot). Its pair sums fit int16 only for some int8 weights, and the extra steps that the
// others cost make it slower than vpmaddwd for real networks.
//
// A Step takes kSteps consecutive units, one but for ByteDot<2>. Weights are s8 in memory for every
// row, as [channel][kUnit] of one vector, widened on loading where the instruction wants 16 bits:
// it costs 2 of 26 instructions and halves the memory.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

using DI32 = hn::ScalableTag<int32_t>;
using VI32 = hn::Vec<DI32>;
constexpr size_t kLanes = HWY_LANES(int32_t);
using VBytes = hn::Vec<hn::ScalableTag<uint8_t>>;

/// Four bytes of the left operand in every lane.
HWY_INLINE VI32 BroadcastLeft(const void* left) {
#if HWY_ARCH_ARM
  // Without the barrier g++ 12 loads all rows of a step at once, and spills accumulators for them.
  __asm__ volatile("" : : : "memory");
  return VI32{vld1q_dup_s32(static_cast<const int32_t*>(left))};
#else
  int32_t word;
  std::memcpy(&word, left, sizeof(word));
  return hn::Set(DI32(), word);
#endif
}

/// Ends an accumulator's step in one register. g++ 12 otherwise sees each sum under two vector
/// types (as the intrinsics cast them), keeps both alive across the loop and spills half of the
/// tile.
HWY_INLINE void KeepInRegister(VI32& v) {
#if HWY_ARCH_X86
  __asm__("" : "+v"(v.raw));
#else
  (void)v;
#endif
}

/// Weights of one vector of channels and one unit of k.
template <class D>
constexpr size_t kVectorElements = kLanes* D::kUnit;

#if defined(LUTRA_DOT_AVX512VNNI) || defined(LUTRA_DOT_AVXVNNI)

struct Dot {
  using Left = uint8_t;
  using Acc = VI32;
  using Weights = VI32;
  using Stored = int8_t;  ///< weights in memory
  static constexpr size_t kUnit = 4, kSteps = 1;
  static constexpr int32_t kLeftOffset = 128;  ///< added to the left operand when it is packed
#if defined(LUTRA_DOT_AVX512VNNI)
  // 32 registers: 24 accumulators, 4 weights, 1 left. vpdpbusd: 2 a cycle, 5 cycles, so at least
  // 10 chains; a step of the tile loads 4 + 6 times for 24 products.
  static constexpr size_t kTileRows = 6, kTileVectors = 4;
#else
  // 16 registers: 12 accumulators, 2 weights, 1 left.
  static constexpr size_t kTileRows = 6, kTileVectors = 2;
#endif
  static HWY_INLINE Acc Zero() { return hn::Zero(DI32()); }
  static HWY_INLINE Weights Load(const int8_t* weights) {
    return hn::LoadU(DI32(), reinterpret_cast<const int32_t*>(weights));
  }
  static HWY_INLINE Weights Decoded(VBytes bytes) { return hn::BitCast(DI32(), bytes); }
  static HWY_INLINE Acc Step(Acc acc, VI32 left, Weights weights) {
#if defined(LUTRA_DOT_AVX512VNNI)
    return Acc{_mm512_dpbusd_epi32(acc.raw, left.raw, weights.raw)};
#else
    return Acc{_mm256_dpbusd_avx_epi32(acc.raw, left.raw, weights.raw)};
#endif
  }
  static HWY_INLINE void Keep(Acc& acc) { KeepInRegister(acc); }
  static HWY_INLINE VI32 Sum(Acc acc) { return acc; }
};

#elif HWY_ARCH_X86

struct Dot {
  using Left = int16_t;
  using Acc = VI32;
  using DI16 = hn::Repartition<int16_t, DI32>;
  using Weights = hn::Vec<DI16>;
  using Stored = int8_t;
  static constexpr size_t kUnit = 2, kSteps = 1;
  static constexpr int32_t kLeftOffset = 0;
#if HWY_CAP_GE512
  static constexpr size_t kTileRows = 12, kTileVectors = 2;  // 24 + 2 + 1 + 1 of 32 registers
#else
  static constexpr size_t kTileRows = 6, kTileVectors = 2;  // 12 + 2 + 1 + 1 of 16 registers
#endif
  static HWY_INLINE Acc Zero() { return hn::Zero(DI32()); }
  static HWY_INLINE Weights Load(const int8_t* weights) {
    return hn::PromoteTo(DI16(), hn::LoadU(hn::Rebind<int8_t, DI16>(), weights));
  }
  static HWY_INLINE Acc Step(Acc acc, VI32 left, Weights weights) {
#if HWY_CAP_GE512
    return hn::Add(acc, VI32{_mm512_madd_epi16(left.raw, weights.raw)});
#else
    return hn::Add(acc, VI32{_mm256_madd_epi16(left.raw, weights.raw)});
#endif
  }
  static HWY_INLINE void Keep(Acc& acc) { KeepInRegister(acc); }
  static HWY_INLINE VI32 Sum(Acc acc) { return acc; }
};

/// The same on weights that are s16 in memory, for winograd-inl.h.
struct WideDot : Dot {
  using Stored = int16_t;
  static HWY_INLINE Weights Load(const int16_t* weights) { return hn::LoadU(DI16(), weights); }
};
#define LUTRA_HAS_WINOGRAD
#define LUTRA_HAS_BYTE_DOT

/// vpmaddubsw for weights of at most 64 / kCount in magnitude: kCount of its sums of two products,
/// each within 2 * 255 * 64 / kCount, fit 16 bits together.
template <size_t kCount>
struct ByteDot {
  using Left = uint8_t;
  using Acc = VI32;
  using DI16 = hn::Repartition<int16_t, DI32>;
  using VI16 = hn::Vec<DI16>;
  using Weights = VI32;
  using Stored = int8_t;
  static constexpr size_t kUnit = 4, kSteps = kCount;
  static constexpr int32_t kLeftOffset = 128;
#if HWY_CAP_GE512
  static constexpr size_t kTileRows = 10, kTileVectors = 2;  // 20 + 4 + 2 + 2 of 32 registers
#else
  static constexpr size_t kTileRows = 4, kTileVectors = 2;  // 8 + 4 + 2 + 2 of 16 registers
#endif
  static constexpr int32_t kLargest = 64 / kCount;
  static HWY_INLINE Acc Zero() { return hn::Zero(DI32()); }
  static HWY_INLINE Weights Load(const int8_t* weights) {
    return hn::LoadU(DI32(), reinterpret_cast<const int32_t*>(weights));
  }
  static HWY_INLINE Weights Decoded(VBytes bytes) { return hn::BitCast(DI32(), bytes); }
  static HWY_INLINE VI16 Pairs(VI32 left, Weights weights) {
#if HWY_CAP_GE512
    return VI16{_mm512_maddubs_epi16(left.raw, weights.raw)};
#else
    return VI16{_mm256_maddubs_epi16(left.raw, weights.raw)};
#endif
  }
  static HWY_INLINE Acc AddPairs(Acc acc, VI16 pairs) {
    const VI16 ones = hn::Set(DI16(), 1);
#if HWY_CAP_GE512
    return hn::Add(acc, VI32{_mm512_madd_epi16(pairs.raw, ones.raw)});
#else
    return hn::Add(acc, VI32{_mm256_madd_epi16(pairs.raw, ones.raw)});
#endif
  }
  static HWY_INLINE Acc Step(Acc acc, VI32 left, Weights weights) {
    return AddPairs(acc, Pairs(left, weights));
  }
  static HWY_INLINE Acc Step(Acc acc, VI32 left0, VI32 left1, Weights weights0, Weights weights1) {
    return AddPairs(acc, hn::Add(Pairs(left0, weights0), Pairs(left1, weights1)));
  }
  static HWY_INLINE void Keep(Acc& acc) { KeepInRegister(acc); }
  static HWY_INLINE VI32 Sum(Acc acc) { return acc; }
};

#elif defined(LUTRA_DOT_NEON_DOTPROD)

struct Dot {
  using Left = int8_t;
  using Acc = VI32;
  using Weights = int8x16_t;
  using Stored = int8_t;
  static constexpr size_t kUnit = 4, kSteps = 1;
  static constexpr int32_t kLeftOffset = 0;
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

#elif HWY_ARCH_ARM_A64

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

#else
#error "no dot primitive for this instruction set"
#endif

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
