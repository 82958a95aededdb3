#include "runtime/coding/huffman.h"

#include <algorithm>

namespace lutra::coding {
namespace {

constexpr unsigned kEntryMask = kDecodeEntries - 1;

/// Decodes one symbol: a code and, where the letters are wider than a code, raw bits below it.
template <bool kLow, typename Symbol>
inline Symbol Next(BitReader& bits, const DecodeEntry* table, unsigned low_bits) {
  const DecodeEntry entry = table[bits.Peek() & kEntryMask];
  bits.Skip(entry.length);
  uint16_t symbol = entry.value;
  if constexpr (kLow) {
    symbol = static_cast<uint16_t>(symbol + (bits.Peek() & ((1U << low_bits) - 1)));
    bits.Skip(low_bits);
  }
  return static_cast<Symbol>(symbol);
}

template <bool kLow, typename Symbol>
void DecodeParts(BitReader (&parts)[kParts], const DecodeEntry* table, unsigned low_bits,
                 size_t symbols, Symbol* out) {
  // As many symbols as a refill holds for sure.
  constexpr size_t kStep = BitReader::kBitsPerRefill / (kMaxCodeBits + (kLow ? 8 : 0));
  const size_t part = PartSymbols(symbols);
  const size_t last = symbols - std::min(symbols, (kParts - 1) * part);
  BitReader a = parts[0], b = parts[1], c = parts[2], d = parts[3];
  size_t i = 0;
  for (; i + kStep <= last; i += kStep) {
    a.Refill();
    b.Refill();
    c.Refill();
    d.Refill();
    for (size_t j = i; j < i + kStep; ++j) {
      out[j] = Next<kLow, Symbol>(a, table, low_bits);
      out[part + j] = Next<kLow, Symbol>(b, table, low_bits);
      out[2 * part + j] = Next<kLow, Symbol>(c, table, low_bits);
      out[3 * part + j] = Next<kLow, Symbol>(d, table, low_bits);
    }
  }
  BitReader* const readers[] = {&a, &b, &c, &d};
  for (size_t p = 0; p < kParts; ++p) {
    const size_t begin = std::min(symbols, p * part), end = std::min(symbols, begin + part);
    for (size_t j = begin + std::min(i, end - begin); j < end; ++j) {
      readers[p]->Refill();
      out[j] = Next<kLow, Symbol>(*readers[p], table, low_bits);
    }
    parts[p] = *readers[p];
  }
}

/// Reads a base-128 number, lowest group first.
Status ReadSize(const uint8_t*& next, const uint8_t* end, size_t* size) {
  *size = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (next == end) return Status::Error(Code::truncated, "coded weights end in a length");
    const uint8_t byte = *next++;
    *size |= size_t{byte & 0x7FU} << shift;
    if (byte < 0x80) {
      if (byte == 0 && shift > 0) break;
      return {};
    }
  }
  return Status::Error(Code::malformed, "a length inside coded weights is not minimal");
}

/// The lengths of the parts, then the parts: readers of them, and where the last one ends.
Status ReadParts(const uint8_t* next, const uint8_t* end, BitReader (&parts)[kParts],
                 const uint8_t** stop) {
  size_t sizes[kParts];
  for (size_t& size : sizes) LUTRA_RETURN_IF_ERROR(ReadSize(next, end, &size));
  for (size_t p = 0; p < kParts; ++p) {
    if (sizes[p] > static_cast<size_t>(end - next)) {
      return Status::Error(Code::truncated, "coded weights end too early");
    }
    parts[p] = BitReader(next, sizes[p]);
    next += sizes[p];
  }
  *stop = next;
  return {};
}

/// A part of a sparse tensor that is being decoded.
struct SparsePart {
  BitReader bits;
  size_t position, end;
};

/// A gap and the value behind it, if there is one; false if the gap leaves the part. Far from the
/// part's end no gap does.
template <bool kLow, bool kFar, typename Symbol>
inline bool SparseStep(SparsePart& part, const DecodeEntry* gaps, const DecodeEntry* values,
                       unsigned low_bits, Symbol* symbols) {
  part.bits.Refill();
  const DecodeEntry gap = gaps[part.bits.Peek() & kEntryMask];
  part.bits.Skip(gap.length);
  if (!kFar && gap.value > part.end - part.position) return false;
  part.position += gap.value;
  if (gap.value != kLongGap && (kFar || part.position != part.end)) {
    symbols[part.position++] = Next<kLow, Symbol>(part.bits, values, low_bits);
  }
  return true;
}

template <bool kLow, typename Symbol>
Status DecodeSparse(unsigned low_bits, BitReader (&readers)[kParts], const DecodeEntry* gaps,
                    const DecodeEntry* values, size_t count, Symbol* symbols) {
  std::fill(symbols, symbols + count, Symbol{0});
  SparsePart parts[kParts];
  for (size_t p = 0; p < kParts; ++p) {
    const size_t begin = std::min(count, p * PartSymbols(count));
    parts[p] = {readers[p], begin, std::min(count, begin + PartSymbols(count))};
  }
  auto& [a, b, c, d] = parts;
  const auto far_from_end = [](const SparsePart& part) {
    return part.end - part.position > kLongGap;
  };
  while (far_from_end(a) && far_from_end(b) && far_from_end(c) && far_from_end(d)) {
    SparseStep<kLow, true>(a, gaps, values, low_bits, symbols);
    SparseStep<kLow, true>(b, gaps, values, low_bits, symbols);
    SparseStep<kLow, true>(c, gaps, values, low_bits, symbols);
    SparseStep<kLow, true>(d, gaps, values, low_bits, symbols);
  }
  for (size_t p = 0; p < kParts; ++p) {
    while (parts[p].position < parts[p].end) {
      if (!SparseStep<kLow, false>(parts[p], gaps, values, low_bits, symbols)) {
        return Status::Error(Code::malformed, "coded weights go on past the tensor's end");
      }
    }
    readers[p] = parts[p].bits;
  }
  return {};
}

}  // namespace

template <typename Symbol>
Status DecodeHuffman(const SymbolLayout& layout, const uint8_t* stream, size_t bytes, void* scratch,
                     Symbol* symbols, size_t* used) {
  const size_t count = layout.rows * layout.columns;
  *used = 0;
  if (count == 0) return {};
  const Letters letters(layout);
  auto* values = static_cast<DecodeEntry*>(scratch);
  auto* gaps = values + kDecodeEntries;
  const auto to_symbol = [&](unsigned letter) { return letters.Symbol(letter); };

  BitReader bits(stream, bytes);
  const uint32_t mode = bits.Take(8);
  const bool sparse = mode == static_cast<uint32_t>(HuffmanMode::sparse);
  if ((!sparse && mode != static_cast<uint32_t>(HuffmanMode::dense)) ||
      (sparse && letters.zero() == kMaxLetters)) {
    return Status::Error(Code::malformed, "unknown mode %u of coded weights", mode);
  }
  CodeLengths code;
  if (sparse) {
    LUTRA_RETURN_IF_ERROR(ReadCodeLengths(bits, kGapLetters, &code));
    FillDecodeTable(
        code, kGapLetters, [](unsigned gap) { return static_cast<uint16_t>(gap); }, gaps);
  }
  LUTRA_RETURN_IF_ERROR(ReadCodeLengths(bits, letters.count(), &code));
  FillDecodeTable(code, letters.count(), to_symbol, values);
  const size_t header = bits.BytesUsed(stream);
  if (header > bytes) return Status::Error(Code::truncated, "coded weights end in a table");
  BitReader parts[kParts];
  const uint8_t* stop = nullptr;
  LUTRA_RETURN_IF_ERROR(ReadParts(stream + header, stream + bytes, parts, &stop));
  const unsigned low_bits = letters.low_bits();
  if (sparse) {
    const auto decode = low_bits > 0 ? DecodeSparse<true, Symbol> : DecodeSparse<false, Symbol>;
    LUTRA_RETURN_IF_ERROR(decode(low_bits, parts, gaps, values, count, symbols));
  } else {
    const auto decode = low_bits > 0 ? DecodeParts<true, Symbol> : DecodeParts<false, Symbol>;
    decode(parts, values, low_bits, count, symbols);
  }
  for (const BitReader& part : parts) LUTRA_RETURN_IF_ERROR(part.Finish());
  *used = static_cast<size_t>(stop - stream);
  return {};
}

template Status DecodeHuffman(const SymbolLayout&, const uint8_t*, size_t, void*, uint8_t*,
                              size_t*);
template Status DecodeHuffman(const SymbolLayout&, const uint8_t*, size_t, void*, uint16_t*,
                              size_t*);

}  // namespace lutra::coding
