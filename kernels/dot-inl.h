// The dot primitive of a row: everything the integer GEMM asks of an instruction set. This file has
// what all primitives share and includes the row's own, the file of dot/ that LUTRA_ROW_DOT names.
//
// One Step multiplies kUnit consecutive k of one left row (4 bytes, broadcast) with the same k of
// kLanes channels and adds the sums to 32-bit accumulators, one channel in each lane:
//
//   file          kUnit  left in scratch  instructions of a step          MAC of a step of 128 bits
//   vpdpbusd      4      u8 (flipped)     vpdpbusd                        16
//   pmaddwd       2      s16              pmovsxbw, pmaddwd, paddd        8
//   sdot          4      s8               sdot                            16
//   smull         4      s8               smull, smull2, 2 sadalp         16
//
// All are exact: no product or intermediate sum can leave its type (docs/kernels.md has the proof).
//
// A Step takes kSteps consecutive units, one but for ByteDot<2> of pmaddwd. Weights are s8 in
// memory for every row, as [channel][kUnit] of one vector, widened on loading where the instruction
// wants 16 bits: it costs 2 of 26 instructions and halves the memory.
//
// A file of dot/ defines
//   Dot       the primitive for any weights, with the size of its register tile;
//   WideDot   the same for weights that are s16 in memory, which winograd-inl.h multiplies; void
//             where Winograd gains nothing;
//   CodeDots  the primitives for weights that are codes (gemm_form-inl.h), fastest first.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

using DI32 = hn::ScalableTag<int32_t>;
using VI32 = hn::Vec<DI32>;
constexpr size_t kLanes = HWY_LANES(int32_t);
using DI16 = hn::Repartition<int16_t, DI32>;
using VI16 = hn::Vec<DI16>;
using VBytes = hn::Vec<hn::ScalableTag<uint8_t>>;

/// Vector registers of the instruction set.
constexpr size_t kRegisters = HWY_ARCH_X86 && !HWY_CAP_GE512 ? 16 : 32;

/// The largest magnitude of an int8 weight: what a primitive for any weights has as kLargest.
constexpr int32_t kAnyWeight = 128;

/// A list of primitives. The weights that one of them multiplies are at most its kLargest in
/// magnitude.
template <class First, class... Others>
struct Dots {
  using Fastest = First;
};

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

#if HWY_ARCH_X86
/// sum + the sums of adjacent products (pmaddwd), for depthwise-inl.h: vectors of any length.
template <class D32, class D16 = hn::Repartition<int16_t, D32>>
HWY_INLINE hn::Vec<D32> AddPairs(D32 d, hn::Vec<D32> sum, hn::Vec<D16> a, hn::Vec<D16> b) {
  hn::Vec<D32> unused = hn::Zero(d);
  sum = hn::ReorderWidenMulAccumulate(d, a, b, sum, unused);
  // g++ would add the products of a pixel as a tree, for which it has too few registers.
  asm("" : "+x"(sum.raw));
  return sum;
}
#endif

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();

#include LUTRA_ROW_DOT
