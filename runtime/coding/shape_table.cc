#include "runtime/coding/shape_table.h"

#include <algorithm>

#include "runtime/coding/logistic.h"

namespace lutra::coding {
namespace {

constexpr unsigned kMostSizes = 256;

/// Relative frequency of `size` where the mean is that of the middle of `level`,
/// mean = 2^((level + 1/2) / 4) / 16. In bits, with k = log2(e):
///   normal      k * size^2 / (pi * mean^2)
///   exponential k * size / mean
/// 94548 = k * 2^16, 30096 = k / pi * 2^16.
uint64_t LinearFrequency(unsigned level, unsigned size) {
  const uint64_t inverse_mean = Exp2Negative(uint64_t{2 * level + 1} << 13);          // 2^-28
  const uint64_t inverse_mean_squared = Exp2Negative(uint64_t{2 * level + 1} << 14);  // 2^-24
  const uint64_t normal = (uint64_t{size} * size * 30096 * (inverse_mean_squared >> 2)) >> 22;
  const uint64_t exponential = (uint64_t{size} * 94548 * inverse_mean) >> 28;
  const uint64_t sum = 2 * Exp2Negative(normal) + Exp2Negative(exponential);
  return size == 0 ? sum : 2 * sum;
}

/// Eight sizes are an octave. Towards smaller ones a density that is flat at 0 halves with every
/// octave; towards larger ones it falls off about three times as fast.
uint64_t LogarithmicFrequency(unsigned level, unsigned size) {
  const unsigned peak = 4 * level + 6;
  return Exp2Negative(size < peak ? uint64_t{peak - size} << 13 : uint64_t{size - peak} * 3 << 13);
}

}  // namespace

void FillShapeTable(const SizeTree& tree, int16_t* logits) {
  const size_t nodes = tree.nodes();
  uint64_t sums[2 * kMostSizes];  // frequency of each subtree, leaves at the end
  for (unsigned level = 0; level < kLevels; ++level) {
    for (unsigned size = 0; size < nodes; ++size) {
      // One in 2^24 keeps every size possible.
      const uint64_t frequency =
          (tree.logarithmic ? LogarithmicFrequency(level, size) : LinearFrequency(level, size)) +
          256;
      sums[nodes + size] = size <= tree.largest ? frequency : 0;
    }
    const uint64_t zero = sums[nodes];
    if (tree.zero_first) sums[nodes] = 0;
    for (size_t node = nodes - 1; node > 0; --node)
      sums[node] = sums[2 * node] + sums[2 * node + 1];
    const auto logit = [](uint64_t one, uint64_t both) {
      const uint64_t chance = both == 0 ? 2048 : one / (both / 4096 + 1);
      return static_cast<int16_t>(Stretch(static_cast<uint32_t>(std::min<uint64_t>(chance, 4095))));
    };
    int16_t* const out = logits + level * nodes;
    out[0] = logit(sums[1], sums[1] + zero);
    for (size_t node = 1; node < nodes; ++node) out[node] = logit(sums[2 * node + 1], sums[node]);
  }
}

}  // namespace lutra::coding
