// Codecs `best` and `best_v1`: a header of a few bytes, then one range code (range.h) of all
// weights under WeightModel. Symbols become signed sizes first: integers are; indices of a sorted
// codebook count from the one in the middle, so that the size grows with the value's; halves are
// sign and magnitude already. Of large sizes the leading 8 bits go through the model, those below
// are coded by a counter each.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "runtime/coding/codec.h"
#include "runtime/coding/predictor.h"
#include "runtime/coding/weight_model.h"

namespace lutra::coding {

constexpr unsigned kLeadingBits = 8;
/// Of a scale in a header, those that it leaves out.
constexpr unsigned kHeaderScaleBits = 6, kHeaderScaleBitsV1 = 4;

/// What the encoder chose:
///   byte 0   bits 0-5 period - 1, bit 6 zero_first, bit 7 plain_signs
///   byte 1   bits 0-5 level of the mean size, bits 6-7 zero_shift: 0, or 2 to 4 less 1
///            (best_v1: scale of the mean size, in units of 1/4 of a level)
///   then     largest size, one byte if the layout has at most 8 bits and is not pruned, else two
///   then     indices only: center, as many bytes
struct BestHeader {
  bool v1 = false;
  unsigned period = 1;
  bool zero_first = false;
  bool plain_signs = false;  ///< signs are noise: one counter predicts them as well, and sooner
  int zero_shift = 2;        ///< as SizeCode has it
  unsigned scale = 0;        ///< of the mean size, in units of 1/64 of a level
  unsigned largest = 0;
  unsigned center = 0;
};

/// Bytes of `largest` and `center`.
inline size_t BestFieldBytes(const SymbolLayout& layout) {
  return layout.bits > 8 || layout.pruned ? 2 : 1;
}
inline size_t BestHeaderBytes(const SymbolLayout& layout) {
  return 2 + BestFieldBytes(layout) * (layout.kind == SymbolKind::index ? 2 : 1);
}

/// The scale of which a header holds all but the last `left_out` bits.
inline unsigned MiddleOfScale(unsigned field, unsigned left_out) {
  return (field << left_out) + (1U << (left_out - 1));
}

struct SignedSize {
  unsigned size;
  bool negative;
};

inline SignedSize ToSignedSize(const SymbolLayout& layout, unsigned center, uint16_t symbol) {
  if (layout.kind == SymbolKind::half) return {symbol & 0x7FFFU, symbol > 0x7FFF};
  int value = static_cast<int16_t>(symbol);
  if (layout.kind == SymbolKind::index) {
    value = static_cast<int>(symbol) - static_cast<int>(center);
    // 0 is the pruned zero; the index at the center takes 1.
    if (layout.pruned) value = symbol == 0 ? 0 : value - (value <= 0 ? 1 : 0);
  }
  return {static_cast<unsigned>(value < 0 ? -value : value), value < 0};
}

/// The reverse; false if there is no such symbol.
inline bool FromSignedSize(const SymbolLayout& layout, unsigned center, SignedSize value,
                           uint16_t* symbol) {
  if (layout.kind == SymbolKind::half) {
    *symbol = static_cast<uint16_t>(value.size | (value.negative ? 0x8000U : 0));
    return true;
  }
  int number = value.negative ? -static_cast<int>(value.size) : static_cast<int>(value.size);
  if (layout.kind == SymbolKind::integer) {
    if (number < -32768 || number > 32767) return false;
  } else {
    if (!layout.pruned) {
      number += static_cast<int>(center);
    } else if (number != 0) {
      number += static_cast<int>(center) + (number < 0 ? 1 : 0);
      if (number < 1) return false;
    }
    if (number < 0 || number > 65535) return false;
  }
  *symbol = static_cast<uint16_t>(number);
  return IsSymbol(layout, *symbol);
}

/// Sizes of all weights of a tensor, through the model and below it; the same for both directions.
class SizeCoder {
 public:
  SizeCoder(const SymbolLayout& layout, const BestHeader& header, void* scratch)
      : plain_signs_(header.plain_signs),
        signed_zero_(layout.kind == SymbolKind::half),
        two_sided_(LeadingCode(layout, header).two_sided),
        low_bits_(LowBits(header.largest)),
        largest_(header.largest),
        model_(LeadingCode(layout, header), layout.columns, header.period, header.scale, scratch) {
    if (header.v1) pace_.count_limit = kCountLimitV1;
    std::fill_n(&low_counters_[0][0], kLowContexts * kLeadingBits, MakeCounter(1U << 15, 2));
    std::fill_n(signs_, kSignContexts, MakeCounter(1U << 15, two_sided_ ? kGuessCount : 2));
  }

  static unsigned LowBits(unsigned largest) {
    const auto width = static_cast<unsigned>(std::bit_width(largest));
    return width > kLeadingBits ? width - kLeadingBits : 0;
  }
  /// How the leading bits of sizes are coded.
  static SizeCode LeadingCode(const SymbolLayout& layout, const BestHeader& header) {
    return {.largest = header.largest >> LowBits(header.largest),
            .zero_first = header.zero_first,
            .logarithmic = layout.kind == SymbolKind::half,
            .two_sided = layout.kind == SymbolKind::index && !header.v1,
            .v1 = header.v1,
            .zero_shift = header.zero_shift};
  }

  void BeginRow() { model_.BeginRow(); }

  /// A decoded size above the largest one is an error of the stream, and ends it.
  template <typename Coder>
  SignedSize Code(Coder& coder, SignedSize value) {
    const unsigned leading = model_.CodeSize(coder, value.size >> low_bits_);
    if (leading > largest_ >> low_bits_) return {kNoSize << low_bits_, false};
    unsigned size = leading;
    Counter* const counters = low_counters_[std::min(leading, kLowContexts - 1)];
    for (unsigned bit = low_bits_; bit-- > 0;) {
      size = 2 * size + CodePlain(coder, value.size >> bit & 1, &counters[bit], pace_);
    }
    unsigned negative = 0;
    if (size != 0 && plain_signs_) {
      negative = CodePlain(coder, value.negative ? 1 : 0, &signs_[two_sided_ ? leading : 0], pace_);
    } else if (size != 0) {
      negative = model_.CodeSign(coder, value.negative ? 1 : 0, leading);
    } else if (signed_zero_) {
      negative = CodePlain(coder, value.negative ? 1 : 0, &zero_sign_, pace_);
    }
    model_.Next(leading, size == 0 ? 0 : negative != 0 ? -1 : 1);
    return {size, negative != 0};
  }

 private:
  static constexpr unsigned kLowContexts = 16;
  static constexpr unsigned kSignContexts = 1U << kLeadingBits;

  bool plain_signs_, signed_zero_, two_sided_;
  Pace pace_;
  unsigned low_bits_, largest_;
  WeightModel model_;
  Counter low_counters_[kLowContexts][kLeadingBits];
  Counter signs_[kSignContexts];
  Counter zero_sign_ = MakeCounter(1U << 15, 2);
};

size_t BestScratchBytes(const SymbolLayout& layout);

/// Decodes to uint16_t or (their low bytes) uint8_t and sets *used to the bytes of the stream
/// proper. `v1`: it is one of best_v1.
template <typename Symbol>
Status DecodeBest(bool v1, const SymbolLayout& layout, const uint8_t* stream, size_t bytes,
                  void* scratch, Symbol* symbols, size_t* used);

}  // namespace lutra::coding
