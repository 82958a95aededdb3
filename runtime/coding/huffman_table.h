// Canonical Huffman codes. A code is its lengths alone: shorter codes come first, equally long ones
// in the order of their letters (Schwartz and Kallick, 1964). Lengths are limited so that one look
// into a table of 2^kMaxCodeBits entries, small enough for the first-level cache, decodes a letter.
// Bits are read least significant first, so codes stand reversed in the stream.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/coding/bits.h"
#include "runtime/coding/letters.h"
#include "schema/status.h"

namespace lutra::coding {

constexpr unsigned kMaxCodeBits = 11;
constexpr size_t kDecodeEntries = size_t{1} << kMaxCodeBits;
/// A field of a code table that says "the length stands here in full" has this many bits.
constexpr unsigned kLengthBits = 4;
/// Bits of a letter's number in a code table.
constexpr unsigned kLetterBits = 9;

/// lengths[letter]: bits of its code, 0 = the letter does not occur. One letter alone has a code of
/// no bits, which lengths cannot say: then only_letter is that letter.
struct CodeLengths {
  static constexpr unsigned kNone = kMaxLetters;
  uint8_t lengths[kMaxLetters] = {};
  unsigned only_letter = kNone;
};

/// Lengths within kMaxCodeBits that fill the code space exactly.
Status CheckLengths(const CodeLengths& code, unsigned letters);

/// codes[letter] as it stands in the stream, first bit lowest. For checked lengths.
void AssignCodes(const CodeLengths& code, unsigned letters, uint16_t* codes);

/// Reads a table; the rest of its last byte is padding.
Status ReadCodeLengths(BitReader& bits, unsigned letters, CodeLengths* code);

struct DecodeEntry {
  uint16_t value;
  uint16_t length;
};

/// Fills kDecodeEntries entries, indexed by the next kMaxCodeBits bits; value(letter) is what an
/// entry holds. For checked lengths.
template <typename Value>
void FillDecodeTable(const CodeLengths& code, unsigned letters, Value value, DecodeEntry* table) {
  if (code.only_letter != CodeLengths::kNone) {
    for (size_t i = 0; i < kDecodeEntries; ++i) table[i] = {value(code.only_letter), 0};
    return;
  }
  uint16_t codes[kMaxLetters];
  AssignCodes(code, letters, codes);
  for (unsigned letter = 0; letter < letters; ++letter) {
    const unsigned length = code.lengths[letter];
    if (length == 0) continue;
    const DecodeEntry entry = {value(letter), static_cast<uint16_t>(length)};
    for (size_t i = codes[letter]; i < kDecodeEntries; i += size_t{1} << length) table[i] = entry;
  }
}

}  // namespace lutra::coding
