// Streams of codec `huffman`; runtime/coding/huffman.h says what they are.
#include <algorithm>

#include "converter/coding/bit_writer.h"
#include "converter/coding/encode_streams.h"
#include "converter/coding/huffman_lengths.h"
#include "runtime/coding/huffman.h"
#include "runtime/coding/letters.h"

namespace lutra::converter::encoding {
namespace {

using coding::CodeLengths;
using coding::HuffmanMode;
using coding::Letters;
using Bytes = std::vector<uint8_t>;

/// A code made for given frequencies, as the table that describes it and as what it writes.
class HuffmanCode {
 public:
  explicit HuffmanCode(const std::vector<uint64_t>& frequencies)
      : letters_(static_cast<unsigned>(frequencies.size())), code_(LimitedLengths(frequencies)) {
    coding::AssignCodes(code_, letters_, codes_);
  }

  void Put(unsigned letter, BitWriter& bits) const {
    bits.Put(codes_[letter], code_.lengths[letter]);
  }

  void PutTable(BitWriter& bits) const {
    if (code_.only_letter != CodeLengths::kNone) {
      bits.Put(code_.only_letter, coding::kLetterBits);
      bits.Put(code_.only_letter, coding::kLetterBits);
    } else {
      unsigned first = 0, last = letters_ - 1;
      while (code_.lengths[first] == 0) ++first;
      while (code_.lengths[last] == 0) --last;
      bits.Put(first, coding::kLetterBits);
      bits.Put(last, coding::kLetterBits);
      unsigned before = 0;
      for (unsigned letter = first; letter <= last; ++letter) {
        const unsigned length = code_.lengths[letter];
        if (length == before) {
          bits.Put(0b0, 1);
        } else if (length == before + 1) {
          bits.Put(0b01, 2);
        } else if (length + 1 == before) {
          bits.Put(0b011, 3);
        } else {
          bits.Put(0b111, 3);
          bits.Put(length, coding::kLengthBits);
        }
        before = length;
      }
    }
    bits.AlignToByte();
  }

 private:
  unsigned letters_;
  CodeLengths code_;
  uint16_t codes_[coding::kMaxLetters] = {};
};

void PutSize(size_t size, Bytes* out) {
  for (; size >= 0x80; size >>= 7) out->push_back(static_cast<uint8_t>(size | 0x80));
  out->push_back(static_cast<uint8_t>(size));
}

std::span<const uint16_t> PartOf(std::span<const uint16_t> symbols, size_t p) {
  const size_t part = coding::PartSymbols(symbols.size());
  const size_t begin = std::min(symbols.size(), p * part);
  return symbols.subspan(begin, std::min(symbols.size() - begin, part));
}

/// Lengths of the parts and the parts, as write(symbols of a part, bits) writes them.
template <typename Write>
void PutParts(std::span<const uint16_t> symbols, Write write, Bytes* out) {
  Bytes parts[coding::kParts];
  for (size_t p = 0; p < coding::kParts; ++p) {
    BitWriter bits(&parts[p]);
    write(PartOf(symbols, p), bits);
    bits.AlignToByte();
    PutSize(parts[p].size(), out);
  }
  for (const Bytes& bytes : parts) out->insert(out->end(), bytes.begin(), bytes.end());
}

Bytes EncodeDense(const Letters& letters, std::span<const uint16_t> symbols) {
  std::vector<uint64_t> frequencies(letters.count());
  for (const uint16_t symbol : symbols) ++frequencies[letters.Letter(symbol)];
  const HuffmanCode code(frequencies);
  Bytes out = {static_cast<uint8_t>(HuffmanMode::dense)};
  BitWriter table(&out);
  code.PutTable(table);

  PutParts(
      symbols,
      [&](std::span<const uint16_t> part, BitWriter& bits) {
        for (const uint16_t symbol : part) {
          code.Put(letters.Letter(symbol), bits);
          bits.Put(letters.LowBits(symbol), letters.low_bits());
        }
      },
      &out);
  return out;
}

/// Calls gap(letter) and value(symbol) in the order of a part of a sparse stream.
template <typename Gap, typename Value>
void WalkSparse(std::span<const uint16_t> symbols, Gap gap, Value value) {
  unsigned zeros = 0;
  for (const uint16_t symbol : symbols) {
    if (symbol != 0) {
      gap(zeros);
      value(symbol);
      zeros = 0;
    } else if (++zeros == coding::kLongGap) {
      gap(zeros);
      zeros = 0;
    }
  }
  if (zeros > 0) gap(zeros);
}

Bytes EncodeSparse(const Letters& letters, std::span<const uint16_t> symbols) {
  std::vector<uint64_t> gap_frequencies(coding::kGapLetters), frequencies(letters.count());
  for (size_t p = 0; p < coding::kParts; ++p) {
    WalkSparse(
        PartOf(symbols, p), [&](unsigned gap) { ++gap_frequencies[gap]; },
        [&](uint16_t symbol) { ++frequencies[letters.Letter(symbol)]; });
  }
  // A tensor of zeros has no values, but a table must have a letter.
  if (std::ranges::all_of(frequencies, [](uint64_t f) { return f == 0; })) frequencies[0] = 1;
  const HuffmanCode gaps(gap_frequencies), values(frequencies);
  Bytes out = {static_cast<uint8_t>(HuffmanMode::sparse)};
  BitWriter bits(&out);
  gaps.PutTable(bits);
  values.PutTable(bits);
  PutParts(
      symbols,
      [&](std::span<const uint16_t> part, BitWriter& to) {
        WalkSparse(
            part, [&](unsigned gap) { gaps.Put(gap, to); },
            [&](uint16_t symbol) {
              values.Put(letters.Letter(symbol), to);
              to.Put(letters.LowBits(symbol), letters.low_bits());
            });
      },
      &out);
  return out;
}

}  // namespace

Bytes EncodeHuffman(const coding::SymbolLayout& layout, std::span<const uint16_t> symbols) {
  if (symbols.empty()) return {};
  const Letters letters(layout);
  Bytes dense = EncodeDense(letters, symbols);
  if (letters.zero() == coding::kMaxLetters) return dense;
  Bytes sparse = EncodeSparse(letters, symbols);
  return sparse.size() < dense.size() ? sparse : dense;
}

}  // namespace lutra::converter::encoding
