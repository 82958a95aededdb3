// First guesses: the probability of each decision about a weight's size when only the scale of the
// weights around it is known. Weights are close to normal with heavier tails, so a mixture of half
// a normal and an exponential distribution is assumed; halves are coded by exponent, where the same
// distribution is skewed. The guesses spare every tensor the cost of learning the shape.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lutra::coding {

/// Scales are quantized to this many levels: four for each octave of the mean size, from 1/16
/// (halves: for every four units of the mean).
constexpr unsigned kLevels = 64;
/// A scale in units of 1/64 of a level.
constexpr unsigned kScaleBits = 6;
constexpr unsigned kMostScale = (kLevels << kScaleBits) - 1;

/// Sizes are coded as paths through a binary tree of 2^tree_bits leaves; node 1 is the root, the
/// children of n are 2n and 2n + 1. Node 0 is the decision "not zero", which comes before the tree
/// where zeros abound.
struct SizeTree {
  unsigned bits = 1;         ///< 1 to 8
  unsigned largest = 1;      ///< size, below 2^bits
  bool zero_first = false;   ///< zeros never reach the tree
  bool logarithmic = false;  ///< sizes are the leading bits of halves

  size_t nodes() const { return size_t{1} << bits; }
};

/// logits[level * nodes + node]: of a 1, that is of the larger half.
void FillShapeTable(const SizeTree& tree, int16_t* logits);

}  // namespace lutra::coding
