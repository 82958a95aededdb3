// Streams of bits, least significant bit of each byte first. A reader past its end sees zeros and
// remembers it, so that the inner loops need no check; Finish tells whether the stream ended
// exactly where its last symbol did.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "schema/status.h"

namespace lutra::coding {

class BitReader {
 public:
  /// Bits that are there after Refill.
  static constexpr unsigned kBitsPerRefill = 56;

  BitReader() = default;
  BitReader(const uint8_t* begin, size_t bytes) : next_(begin), end_(begin + bytes) {}

  void Refill() {
    if (end_ - next_ >= 8) [[likely]] {
      uint64_t word;
      std::memcpy(&word, next_, sizeof(word));
      window_ |= word << count_;
      next_ += (63 - count_) >> 3;
      count_ |= 56;
    } else {
      RefillAtEnd();
    }
  }

  /// The coming bits; at least kBitsPerRefill less those skipped since Refill are real.
  uint64_t Peek() const { return window_; }
  void Skip(unsigned bits) {
    window_ >>= bits;
    count_ -= bits;
  }

  /// Refill and take `bits` <= 32 of them.
  uint32_t Take(unsigned bits) {
    Refill();
    const auto value = static_cast<uint32_t>(window_ & ((uint64_t{1} << bits) - 1));
    Skip(bits);
    return value;
  }

  /// Bytes begun so far.
  size_t BytesUsed(const uint8_t* begin) const {
    return static_cast<size_t>(next_ - begin) + missing_ - count_ / 8;
  }

  /// The stream must end in the byte of the last bit taken, and the rest of that byte be zero.
  Status Finish() const {
    if (count_ / 8 < missing_) return Status::Error(Code::truncated, "coded weights end too early");
    if (next_ != end_ || count_ / 8 > missing_) {
      return Status::Error(Code::malformed, "coded weights are followed by other bytes");
    }
    BitReader copy = *this;
    return copy.AlignToByte();
  }

  /// Skips what is left of the byte that is being read, which must be zero.
  Status AlignToByte() {
    const unsigned rest = count_ % 8;
    if ((window_ & ((1U << rest) - 1)) != 0) {
      return Status::Error(Code::malformed, "padding bits of coded weights are not zero");
    }
    Skip(rest);
    return {};
  }

 private:
  [[gnu::noinline]] void RefillAtEnd() {
    for (; count_ < kBitsPerRefill; count_ += 8) {
      if (next_ < end_) {
        window_ |= uint64_t{*next_++} << count_;
      } else {
        ++missing_;
      }
    }
  }

  uint64_t window_ = 0;
  unsigned count_ = 0;  ///< bits of the window that were read
  const uint8_t* next_ = nullptr;
  const uint8_t* end_ = nullptr;
  size_t missing_ = 0;  ///< bytes past the end that the window holds or has held
};

}  // namespace lutra::coding
