// Range decoder: the stream is one long number that lies in an interval, and every decision leaves
// a part of the interval in proportion to its probability (Martin, 1979). The interval's length
// stays between 2^32 and 2^64, so that a decision takes one multiplication and four bytes are read
// at a time. converter/coding/encode_best.cc holds the encoder.
//
// At the end the encoder writes the fewest bytes that lie inside the interval whatever follows. So
// no stream begins with another one, and as the decoder knows the interval too, it notices every
// stream that was cut or continued.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/coding/distribution.h"

namespace lutra::coding {

/// Probabilities of a 1 are in units of 2^-16, from kLeastChance to 2^16 - kLeastChance.
constexpr unsigned kChanceBits = 16;
constexpr uint32_t kLeastChance = 24;

constexpr uint64_t kWholeRange = ~uint64_t{0};
constexpr unsigned kRangeShift = 32;  ///< bits that enter or leave at once

/// Fewest leading bytes (1 to 8) of a number in the interval of `range` numbers from `low` on
/// (which may go on beyond 2^64) that lie in it whatever follows them; *offset: from `low` to those
/// bytes followed by zeros.
inline unsigned FinalBytes(uint64_t low, uint64_t range, uint64_t* offset) {
  unsigned bytes = 0;
  uint64_t step = 0;
  do {
    ++bytes;
    step = uint64_t{1} << (64 - 8 * bytes);
    *offset = (0 - low) & (step - 1);
  } while (*offset + step > range);
  return bytes;
}

class RangeDecoder {
 public:
  RangeDecoder(const uint8_t* stream, size_t bytes) : next_(stream), bytes_(bytes) {
    Shift();
    Shift();
  }

  /// The next decision. The argument is the encoder's, which knows it.
  unsigned CodeBit(unsigned /*bit*/, uint32_t chance) {
    const uint64_t bound = (range_ >> kChanceBits) * chance;
    // Without a branch, for it would be a coin's toss.
    const unsigned bit = offset_ < bound ? 1 : 0;
    const uint64_t zero = uint64_t{bit} - 1;
    offset_ -= bound & zero;
    range_ = bit != 0 ? bound : range_ - bound;
    Normalize();
    return bit;
  }

  unsigned CodeSymbol(unsigned /*symbol*/, const Bounds& bounds) {
    const uint64_t unit = range_ >> kDistributionBits;
    const auto point = std::min<uint64_t>(offset_ / unit, kDistributionTotal - 1);
    const unsigned symbol = bounds.Find(static_cast<int16_t>(point));
    offset_ -= unit * bounds.begin(symbol);
    range_ = unit * bounds.size(symbol);
    Normalize();
    return symbol;
  }

  /// Bytes that an encoder would have written for what was decoded; SIZE_MAX when the last ones
  /// are not those it would have chosen.
  size_t Finish() const {
    uint64_t offset = 0;
    const unsigned last = FinalBytes(window_ - offset_, range_, &offset);
    return offset == offset_ ? position_ - 8 + last : SIZE_MAX;
  }

 private:
  void Normalize() {
    if (range_ >> kRangeShift == 0) {
      range_ <<= kRangeShift;
      Shift();
    }
  }

  /// The next four bytes; behind the last one there are zeros.
  void Shift() {
    uint32_t word = 0;
    for (size_t i = position_; i < position_ + 4; ++i) {
      word = (word << 8) | (i < bytes_ ? next_[i] : 0U);
    }
    position_ += 4;
    offset_ = (offset_ << kRangeShift) | word;
    window_ = (window_ << kRangeShift) | word;
  }

  const uint8_t* next_;
  size_t bytes_;
  size_t position_ = 0;
  uint64_t range_ = kWholeRange;
  uint64_t offset_ = 0;  ///< of the stream's number from the interval's beginning
  uint64_t window_ = 0;  ///< the stream's last 8 bytes
};

}  // namespace lutra::coding
