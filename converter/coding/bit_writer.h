// Writes streams of bits, least significant bit of each byte first (runtime/coding/bits.h).
#pragma once

#include <cstdint>
#include <vector>

namespace lutra::converter::encoding {

class BitWriter {
 public:
  explicit BitWriter(std::vector<uint8_t>* out) : out_(out) {}

  /// The lowest `bits` <= 32 of value.
  void Put(uint32_t value, unsigned bits) {
    window_ |= (value & ((uint64_t{1} << bits) - 1)) << count_;
    for (count_ += bits; count_ >= 8; count_ -= 8, window_ >>= 8) {
      out_->push_back(static_cast<uint8_t>(window_));
    }
  }
  void AlignToByte() {
    if (count_ > 0) Put(0, 8 - count_);
  }

 private:
  std::vector<uint8_t>* out_;
  uint64_t window_ = 0;
  unsigned count_ = 0;
};

}  // namespace lutra::converter::encoding
