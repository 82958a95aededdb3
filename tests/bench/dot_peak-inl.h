// The peak of a row: its dot primitive on registers alone, as many independent accumulators as the
// register tile has. Compiled as the body of every row's translation unit (LUTRA_ROW_BODY).
#include <cstring>
#include <utility>

#include "bench/dot_peak.h"
#include "kernels/dot-inl.h"
#include "kernels/rows/rows.h"

HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {

#if HWY_ARCH_X86
#define LUTRA_OPAQUE(v) __asm__ volatile("" : "+v"((v).raw))
#else
#define LUTRA_OPAQUE(v) __asm__ volatile("" : "+w"((v).raw))
#endif

template <size_t... kVector>
HWY_INLINE void PeakRow(Dot::Acc* acc, VI32& left, const Dot::Weights* weights,
                        std::index_sequence<kVector...>) {
  LUTRA_OPAQUE(left);  // else the products of all rows, and of all iterations, are one
  ((acc[kVector] = Dot::Step(acc[kVector], left, weights[kVector])), ...);
}

template <size_t... kRow>
HWY_INLINE void PeakStep(Dot::Acc* acc, VI32& left, const Dot::Weights* weights,
                         std::index_sequence<kRow...>) {
  constexpr std::make_index_sequence<Dot::kTileVectors> vectors;
  (PeakRow(acc + kRow * Dot::kTileVectors, left, weights, vectors), ...);
}

template <size_t... kIndex>
HWY_INLINE int32_t PeakLoop(size_t iterations, std::index_sequence<kIndex...>) {
  alignas(64) int8_t bytes[Dot::kTileVectors * 64] = {};
  __asm__ volatile("" : : "r"(bytes) : "memory");  // known to us only
  Dot::Acc acc[] = {((void)kIndex, Dot::Zero())...};
  Dot::Weights weights[Dot::kTileVectors];
  for (size_t v = 0; v < Dot::kTileVectors; ++v) weights[v] = Dot::Load(bytes + v * 64);
  VI32 left = BroadcastLeft(bytes);
  do {
    PeakStep(acc, left, weights, std::make_index_sequence<Dot::kTileRows>());
    (Dot::Keep(acc[kIndex]), ...);
  } while (--iterations != 0);
  VI32 sum = hn::Zero(DI32());
  ((sum = hn::Add(sum, Dot::Sum(acc[kIndex]))), ...);
  return hn::GetLane(sum);
}

int32_t Peak(size_t iterations) {
  return PeakLoop(iterations, std::make_index_sequence<Dot::kTileRows * Dot::kTileVectors>());
}

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();

namespace lutra::kernels::LUTRA_ROW {
namespace {
const DotPeak registered(kName, &Peak, Dot::kTileRows* Dot::kTileVectors* kLanes* Dot::kUnit);
}  // namespace
}  // namespace lutra::kernels::LUTRA_ROW
