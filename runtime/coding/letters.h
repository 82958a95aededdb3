// Symbols as letters of an alphabet of at most 257, for codes whose tables must stay small. A
// letter is a symbol's top 8 bits in numeric order (all bits of narrower symbols); what lies below
// them is close to noise and is stored as it is.
#pragma once

#include <cstdint>

#include "runtime/coding/codec.h"

namespace lutra::coding {

constexpr unsigned kMaxLetters = 257;

class Letters {
 public:
  explicit Letters(const SymbolLayout& layout)
      : low_bits_(layout.bits > 8 ? layout.bits - 8 : 0),
        offset_(layout.kind == SymbolKind::integer ? 1U << (layout.bits - 1) : 0),
        mask_((layout.pruned ? 2U << layout.bits : 1U << layout.bits) - 1),
        count_((1U << (layout.bits - low_bits_)) + (layout.pruned ? 1 : 0)),
        zero_(layout.kind == SymbolKind::index && !layout.pruned ? kMaxLetters
                                                                 : offset_ >> low_bits_) {}

  unsigned count() const { return count_; }
  unsigned low_bits() const { return low_bits_; }
  /// Letter of the symbol 0 where that is a weight of 0, else kMaxLetters.
  unsigned zero() const { return zero_; }

  unsigned Letter(uint16_t symbol) const { return ((symbol + offset_) & mask_) >> low_bits_; }
  unsigned LowBits(uint16_t symbol) const { return symbol & ((1U << low_bits_) - 1); }
  /// The symbol of a letter whose low bits are all zero.
  uint16_t Symbol(unsigned letter) const {
    return static_cast<uint16_t>((letter << low_bits_) - offset_);
  }

 private:
  unsigned low_bits_, offset_, mask_, count_, zero_;
};

}  // namespace lutra::coding
