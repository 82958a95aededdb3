#include "runtime/coding/huffman_table.h"

namespace lutra::coding {

Status CheckLengths(const CodeLengths& code, unsigned letters) {
  if (code.only_letter != CodeLengths::kNone) return {};
  size_t filled = 0;
  for (unsigned letter = 0; letter < letters; ++letter) {
    const unsigned length = code.lengths[letter];
    if (length > kMaxCodeBits) {
      return Status::Error(Code::malformed, "a Huffman code has %u bits; at most %u are allowed",
                           length, kMaxCodeBits);
    }
    if (length > 0) filled += kDecodeEntries >> length;
  }
  if (filled != kDecodeEntries) {
    return Status::Error(Code::malformed, "the Huffman code lengths are %s-subscribed",
                         filled < kDecodeEntries ? "under" : "over");
  }
  return {};
}

void AssignCodes(const CodeLengths& code, unsigned letters, uint16_t* codes) {
  unsigned counts[kMaxCodeBits + 1] = {};
  for (unsigned letter = 0; letter < letters; ++letter) ++counts[code.lengths[letter]];
  counts[0] = 0;
  unsigned next[kMaxCodeBits + 1] = {};
  for (unsigned length = 1; length <= kMaxCodeBits; ++length) {
    next[length] = (next[length - 1] + counts[length - 1]) << 1;
  }
  for (unsigned letter = 0; letter < letters; ++letter) {
    const unsigned length = code.lengths[letter];
    unsigned reversed = 0;
    if (length > 0) {
      const unsigned forward = next[length]++;
      for (unsigned bit = 0; bit < length; ++bit) {
        reversed |= (forward >> bit & 1U) << (length - 1 - bit);
      }
    }
    codes[letter] = static_cast<uint16_t>(reversed);
  }
}

Status ReadCodeLengths(BitReader& bits, unsigned letters, CodeLengths* code) {
  const unsigned first = bits.Take(kLetterBits);
  const unsigned last = bits.Take(kLetterBits);
  if (first > last || last >= letters) {
    return Status::Error(Code::malformed, "a Huffman table covers letters %u to %u of %u", first,
                         last, letters);
  }
  *code = {};
  if (first == last) {
    code->only_letter = first;
  } else {
    unsigned length = 0;
    for (unsigned letter = first; letter <= last; ++letter) {
      if (bits.Take(1) != 0) {
        if (bits.Take(1) == 0) {
          ++length;
        } else if (bits.Take(1) == 0) {
          length -= length > 0 ? 1 : 0;
        } else {
          length = bits.Take(kLengthBits);
        }
      }
      code->lengths[letter] = static_cast<uint8_t>(length);
    }
    if (code->lengths[first] == 0 || code->lengths[last] == 0) {
      return Status::Error(Code::malformed, "a Huffman table begins or ends with an unused letter");
    }
  }
  LUTRA_RETURN_IF_ERROR(bits.AlignToByte());
  return CheckLengths(*code, letters);
}

}  // namespace lutra::coding
