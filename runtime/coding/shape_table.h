// First guesses: the distribution of a weight's size when only the scale of the weights around it
// is known. Weights are close to normal with heavier tails, so a mixture of half a normal and an
// exponential distribution is assumed; halves are coded by exponent, where the same distribution is
// skewed. The guesses spare every tensor the cost of learning the shape.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "runtime/coding/distribution.h"

namespace lutra::coding {

/// Scales are quantized to this many levels: four for each octave of the mean size, from 1/16
/// (halves: for every four units of the mean).
constexpr unsigned kLevels = 64;
/// A scale in units of 1/64 of a level.
constexpr unsigned kScaleBits = 6;
constexpr unsigned kMostScale = (kLevels << kScaleBits) - 1;

/// Sizes that have up to 8 bits.
constexpr unsigned kMostSizes = 256;

/// How sizes of up to 8 bits are coded: where zeros abound a decision "not zero" comes first and
/// the size is lowered by one; then the top 4 bits as one symbol, then those below as another.
struct SizeCode {
  unsigned largest = 1;      ///< size, below 2^8
  bool zero_first = false;   ///< zeros have a decision of their own
  bool logarithmic = false;  ///< sizes are the leading bits of halves
  bool two_sided = false;    ///< sizes of either sign have frequencies of their own (indices)
  bool v1 = false;  ///< as codec best_v1 has it: plain averages, counters that forget sooner
  /// Of the decisions "not zero": 0 = one counter predicts them as well as the contexts do, else
  /// the mixers' Pace::mixer_shift.
  int zero_shift = 2;

  /// The largest number that symbols make up.
  unsigned most() const { return largest - (zero_first && largest > 0 ? 1 : 0); }
  unsigned low_bits() const {
    return std::max(static_cast<unsigned>(std::bit_width(most())), 4U) - 4;
  }
};

/// Low bits depend on the scale in half octaves.
constexpr unsigned kLowLevels = kLevels / 2;

/// First guesses of everything, by level: of the top symbol; [level][top] of the low one (if sizes
/// have such bits); of a size other than 0 in units of 2^-16.
struct ShapeTable {
  Distribution* tops;  ///< kLevels
  Distribution* lows;  ///< kLowLevels * kSymbols
  uint16_t nonzero[kLevels];
};

void FillShapeTable(const SizeCode& code, uint16_t seen, ShapeTable* table);

}  // namespace lutra::coding
