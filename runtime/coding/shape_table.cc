#include "runtime/coding/shape_table.h"

#include <algorithm>

#include "runtime/coding/logistic.h"

namespace lutra::coding {
namespace {

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

/// Fills a distribution with the sums of `groups` groups of successive frequencies.
void Fill(const uint64_t* frequencies, unsigned group, uint16_t seen, Distribution* distribution) {
  uint64_t sums[kSymbols];
  uint64_t total = 0;
  for (uint64_t& sum : sums) {
    for (unsigned i = 0; i < group; ++i) total += *frequencies++;
    sum = total;
  }
  for (size_t s = 0; s < kSymbols; ++s) {
    distribution->sums[s] = static_cast<int16_t>(total == 0 ? kDistributionTotal
                                                            : sums[s] * kDistributionTotal / total);
  }
  distribution->seen = seen;
}

}  // namespace

void FillShapeTable(const SizeCode& code, uint16_t seen, ShapeTable* table) {
  const unsigned first = code.zero_first ? 1 : 0, low_bits = code.low_bits();
  uint64_t frequencies[kMostSizes + kSymbols] = {};
  for (unsigned level = 0; level < kLevels; ++level) {
    const auto frequency = [&](unsigned size) {
      // One in 2^24 keeps every size possible.
      return (code.logarithmic ? LogarithmicFrequency(level, size) : LinearFrequency(level, size)) +
             256;
    };
    uint64_t total = 0;
    for (unsigned i = 0; i <= code.most(); ++i) total += frequencies[i] = frequency(first + i);
    if (first == 1) {
      table->nonzero[level] = static_cast<uint16_t>((total << 16) / (total + frequency(0) + 1));
    }
    Fill(frequencies, 1U << low_bits, seen, table->tops + level);
    if (low_bits == 0 || level % 2 == 0) continue;
    for (unsigned top = 0; top < kSymbols; ++top) {
      uint64_t part[kSymbols] = {};
      std::copy_n(frequencies + (top << low_bits), 1U << low_bits, part);
      Fill(part, 1, seen, table->lows + level / 2 * kSymbols + top);
    }
  }
}

}  // namespace lutra::coding
