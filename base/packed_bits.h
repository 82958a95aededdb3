// The packed bit string: elements of 1 to 16 bits one after another, the first in the lowest bits
// of the first byte, without padding between them; what is left of the last byte is zero. Weights
// of fewer than 8 bits lie so in files, on their way into a kernel and in streams of codec `none`.
// Element i takes bits i * bits to i * bits + bits - 1, bit j being bit j % 8 of byte j / 8.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lutra {

/// Bytes of `count` elements.
constexpr uint64_t PackedBytes(uint64_t count, unsigned bits) { return (count * bits + 7) / 8; }

/// Element `index`. Reads no byte without a bit of it.
inline uint32_t PackedAt(const uint8_t* string, unsigned bits, uint64_t index) {
  const uint64_t position = index * bits;
  const auto shift = static_cast<unsigned>(position % 8);
  const uint8_t* at = string + position / 8;
  uint32_t word = at[0];
  if (shift + bits > 8) {
    word |= uint32_t{at[1]} << 8;
    if (shift + bits > 16) word |= uint32_t{at[2]} << 16;
  }
  return (word >> shift) & ((1U << bits) - 1);
}

/// A two's complement element of `bits` bits, as PackedAt gives it, as a number: flipping the sign
/// bit and taking it away again extends it to the left.
constexpr int32_t SignedElement(uint32_t element, unsigned bits) {
  const uint32_t sign = 1U << (bits - 1);
  return static_cast<int32_t>((element ^ sign) - sign);
}

/// Writes a string element by element, and no byte before all that it holds were put: what is
/// packed may lie in the same memory, one element in each byte, where it is read before it is put.
class PackedWriter {
 public:
  PackedWriter(uint8_t* to, unsigned bits) : to_(to), bits_(bits), mask_((1U << bits) - 1) {}

  /// The lowest bits of `element`.
  void Put(uint32_t element) {
    window_ |= (element & mask_) << held_;
    for (held_ += bits_; held_ >= 8; held_ -= 8, window_ >>= 8) {
      *to_++ = static_cast<uint8_t>(window_);
    }
  }
  /// Writes what is left of the last byte; returns the string's end.
  uint8_t* Finish() {
    if (held_ > 0) *to_++ = static_cast<uint8_t>(window_);
    held_ = 0;
    window_ = 0;
    return to_;
  }

 private:
  uint8_t* to_;
  unsigned bits_, held_ = 0;
  uint32_t mask_, window_ = 0;
};

}  // namespace lutra
