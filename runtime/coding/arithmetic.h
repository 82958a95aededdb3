// Binary arithmetic decoder on an interval of 32 bits, as in the Q-coder's descendants: the
// interval [low, high] is cut in proportion to the probability of a 1, and bytes leave as soon as
// both ends agree on them. converter/coding/encode_best.cc holds the encoder.
//
// At the end the encoder writes the fewest bytes that lie inside the interval whatever follows. So
// no stream begins with another one, and as the decoder knows the interval too, it notices every
// stream that was cut or continued.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lutra::coding {

/// Probabilities of a 1 are in units of 2^-16, from kLeastChance to 2^16 - kLeastChance.
constexpr unsigned kChanceBits = 16;
constexpr uint32_t kLeastChance = 24;

/// Last point of the lower part, which stands for a 1.
inline uint32_t Cut(uint32_t low, uint32_t high, uint32_t chance) {
  return low + static_cast<uint32_t>((uint64_t{high - low} * chance) >> kChanceBits);
}

/// Fewest leading bytes (0 to 4) that lie in [low, high] whatever follows them; *point is those
/// bytes and zeros.
inline unsigned FinalBytes(uint32_t low, uint32_t high, uint32_t* point) {
  for (unsigned bytes = 0; bytes < 4; ++bytes) {
    const uint64_t step = uint64_t{1} << (32 - 8 * bytes);
    const uint64_t candidate = (low + step - 1) / step * step;
    if (candidate + step - 1 <= high) {
      *point = static_cast<uint32_t>(candidate);
      return bytes;
    }
  }
  *point = low;
  return 4;
}

class ArithmeticDecoder {
 public:
  ArithmeticDecoder(const uint8_t* stream, size_t bytes) : stream_(stream), bytes_(bytes) {
    for (int i = 0; i < 4; ++i) Shift();
  }

  /// The next decision. The argument is the encoder's, which knows it.
  unsigned Code(unsigned /*bit*/, uint32_t chance) {
    const uint32_t cut = Cut(low_, high_, chance);
    // Without a branch, for it would be a coin's toss.
    const unsigned bit = value_ <= cut ? 1 : 0;
    const uint32_t one = 0 - bit;
    high_ = (cut & one) | (high_ & ~one);
    low_ = (low_ & one) | ((cut + 1) & ~one);
    while (((low_ ^ high_) >> 24) == 0) {
      low_ <<= 8;
      high_ = (high_ << 8) | 0xFF;
      Shift();
    }
    return bit;
  }

  /// Bytes that an encoder would have written for what was decoded; SIZE_MAX when the last ones
  /// are not those it would have chosen.
  size_t Finish() const {
    uint32_t point = 0;
    const unsigned last = FinalBytes(low_, high_, &point);
    return point == value_ ? position_ - 4 + last : SIZE_MAX;
  }

 private:
  void Shift() {
    value_ = (value_ << 8) | (position_ < bytes_ ? stream_[position_] : 0);
    ++position_;
  }

  const uint8_t* stream_;
  size_t bytes_;
  size_t position_ = 0;
  uint32_t low_ = 0, high_ = 0xFFFFFFFF, value_ = 0;
};

}  // namespace lutra::coding
