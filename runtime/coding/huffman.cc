#include "runtime/coding/huffman.h"

#include <algorithm>

namespace lutra::coding {
namespace {

constexpr unsigned kEntryMask = kDecodeEntries - 1;

/// Decodes one symbol: a code and, where the letters are wider than a code, raw bits below it.
template <bool kLow>
inline uint16_t Next(BitReader& bits, const DecodeEntry* table, unsigned low_bits) {
  const DecodeEntry entry = table[bits.Peek() & kEntryMask];
  bits.Skip(entry.length);
  uint16_t symbol = entry.value;
  if constexpr (kLow) {
    symbol = static_cast<uint16_t>(symbol + (bits.Peek() & ((1U << low_bits) - 1)));
    bits.Skip(low_bits);
  }
  return symbol;
}

template <bool kLow>
void DecodeParts(BitReader (&parts)[kDenseParts], const DecodeEntry* table, unsigned low_bits,
                 size_t symbols, uint16_t* out) {
  // As many symbols as a refill holds for sure.
  constexpr size_t kStep = BitReader::kBitsPerRefill / (kMaxCodeBits + (kLow ? 8 : 0));
  const size_t part = DensePartSymbols(symbols);
  const size_t last = symbols - std::min(symbols, (kDenseParts - 1) * part);
  BitReader a = parts[0], b = parts[1], c = parts[2], d = parts[3];
  size_t i = 0;
  for (; i + kStep <= last; i += kStep) {
    a.Refill();
    b.Refill();
    c.Refill();
    d.Refill();
    for (size_t j = i; j < i + kStep; ++j) {
      out[j] = Next<kLow>(a, table, low_bits);
      out[part + j] = Next<kLow>(b, table, low_bits);
      out[2 * part + j] = Next<kLow>(c, table, low_bits);
      out[3 * part + j] = Next<kLow>(d, table, low_bits);
    }
  }
  BitReader* const readers[] = {&a, &b, &c, &d};
  for (size_t p = 0; p < kDenseParts; ++p) {
    const size_t begin = std::min(symbols, p * part), end = std::min(symbols, begin + part);
    for (size_t j = begin + std::min(i, end - begin); j < end; ++j) {
      readers[p]->Refill();
      out[j] = Next<kLow>(*readers[p], table, low_bits);
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

Status DecodeDense(const Letters& letters, const uint8_t* next, const uint8_t* end,
                   const DecodeEntry* table, size_t count, uint16_t* symbols,
                   const uint8_t** stop) {
  size_t sizes[kDenseParts];
  for (size_t& size : sizes) LUTRA_RETURN_IF_ERROR(ReadSize(next, end, &size));
  BitReader parts[kDenseParts];
  for (size_t p = 0; p < kDenseParts; ++p) {
    if (sizes[p] > static_cast<size_t>(end - next)) {
      return Status::Error(Code::truncated, "coded weights end too early");
    }
    parts[p] = BitReader(next, sizes[p]);
    next += sizes[p];
  }
  if (letters.low_bits() > 0) {
    DecodeParts<true>(parts, table, letters.low_bits(), count, symbols);
  } else {
    DecodeParts<false>(parts, table, 0, count, symbols);
  }
  for (const BitReader& part : parts) LUTRA_RETURN_IF_ERROR(part.Finish());
  *stop = next;
  return {};
}

Status DecodeSparse(const Letters& letters, BitReader& bits, const DecodeEntry* gaps,
                    const DecodeEntry* values, size_t count, uint16_t* symbols) {
  std::fill(symbols, symbols + count, uint16_t{0});
  const unsigned low_bits = letters.low_bits();
  size_t position = 0;
  while (position < count) {
    bits.Refill();
    const DecodeEntry gap = gaps[bits.Peek() & kEntryMask];
    bits.Skip(gap.length);
    if (gap.value > count - position) {
      return Status::Error(Code::malformed, "coded weights go on past the tensor's end");
    }
    position += gap.value;
    if (gap.value == kLongGap || position == count) continue;
    symbols[position++] = Next<true>(bits, values, low_bits);
  }
  return {};
}

}  // namespace

Status DecodeHuffman(const SymbolLayout& layout, const uint8_t* stream, size_t bytes, void* scratch,
                     uint16_t* symbols, size_t* used) {
  const size_t count = layout.rows * layout.columns;
  *used = 0;
  if (count == 0) return {};
  const Letters letters(layout);
  auto* first_table = static_cast<DecodeEntry*>(scratch);
  auto* second_table = first_table + kDecodeEntries;
  const auto to_symbol = [&](unsigned letter) { return letters.Symbol(letter); };

  BitReader bits(stream, bytes);
  const uint32_t mode = bits.Take(8);
  CodeLengths code;
  if (mode == static_cast<uint32_t>(HuffmanMode::dense)) {
    LUTRA_RETURN_IF_ERROR(ReadCodeLengths(bits, letters.count(), &code));
    FillDecodeTable(code, letters.count(), to_symbol, first_table);
    const size_t header = bits.BytesUsed(stream);
    if (header > bytes) return Status::Error(Code::truncated, "coded weights end in a table");
    const uint8_t* stop = nullptr;
    LUTRA_RETURN_IF_ERROR(
        DecodeDense(letters, stream + header, stream + bytes, first_table, count, symbols, &stop));
    *used = static_cast<size_t>(stop - stream);
    return {};
  }
  if (mode != static_cast<uint32_t>(HuffmanMode::sparse) || letters.zero() == kMaxLetters) {
    return Status::Error(Code::malformed, "unknown mode %u of coded weights", mode);
  }
  LUTRA_RETURN_IF_ERROR(ReadCodeLengths(bits, kGapLetters, &code));
  FillDecodeTable(
      code, kGapLetters, [](unsigned gap) { return static_cast<uint16_t>(gap); }, first_table);
  LUTRA_RETURN_IF_ERROR(ReadCodeLengths(bits, letters.count(), &code));
  FillDecodeTable(code, letters.count(), to_symbol, second_table);
  LUTRA_RETURN_IF_ERROR(DecodeSparse(letters, bits, first_table, second_table, count, symbols));
  *used = bits.BytesUsed(stream);
  return bits.AlignToByte();
}

}  // namespace lutra::coding
