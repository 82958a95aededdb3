#include "runtime/coding/codec.h"

#include <algorithm>

#include "runtime/coding/best.h"
#include "runtime/coding/huffman.h"
#include "runtime/coding/letters.h"
#include "runtime/coding/packed.h"

namespace lutra::coding {
namespace {

/// A coded stream ends where its symbols end, or is filled with zeros up to the fewest bytes that
/// may hold so many symbols; of `best` also up to what was the fewest once.
Status CheckEnd(Codec codec, const SymbolLayout& layout, const uint8_t* stream, size_t bytes,
                size_t used) {
  if (used > bytes) return Status::Error(Code::truncated, "coded weights end too early");
  const auto padded = [&](Codec like) { return std::max(used, FewestBytes(like, layout)); };
  const size_t expected = padded(codec);
  if (bytes != expected && (codec != Codec::best || bytes != padded(Codec::best_v1))) {
    return Status::Error(Code::malformed, "coded weights have %zu bytes, their symbols take %zu",
                         bytes, expected);
  }
  for (size_t i = used; i < bytes; ++i) {
    if (stream[i] != 0) {
      return Status::Error(Code::malformed, "coded weights are padded with other than zeros");
    }
  }
  return {};
}

/// For a legal layout.
template <typename Symbol>
Status DecodeTo(Codec codec, const SymbolLayout& layout, const uint8_t* stream, size_t bytes,
                void* scratch, Symbol* symbols) {
  if (codec == Codec::none) return DecodePacked(layout, stream, bytes, symbols);
  if (bytes < FewestBytes(codec, layout)) {
    return Status::Error(Code::limit, "%zu bytes cannot hold %zu coded weights", bytes,
                         layout.rows * layout.columns);
  }
  size_t used = 0;
  LUTRA_RETURN_IF_ERROR(
      codec == Codec::huffman
          ? DecodeHuffman(layout, stream, bytes, scratch, symbols, &used)
          : DecodeBest(codec == Codec::best_v1, layout, stream, bytes, scratch, symbols, &used));
  return CheckEnd(codec, layout, stream, bytes, used);
}

}  // namespace

Status CheckLayout(Codec codec, const SymbolLayout& layout) {
  if (codec > Codec::best) {
    return Status::Error(Code::malformed, "unknown codec %u of coded weights",
                         static_cast<unsigned>(codec));
  }
  unsigned least = 1, most = 16;
  switch (layout.kind) {
    case SymbolKind::integer:
      least = 2;
      break;
    case SymbolKind::index:
      if (layout.pruned) most = 8;
      break;
    case SymbolKind::half:
      least = 16;
      break;
    default:
      return Status::Error(Code::malformed, "unknown kind %u of coded weights",
                           static_cast<unsigned>(layout.kind));
  }
  if (layout.bits < least || layout.bits > most) {
    return Status::Error(Code::malformed, "coded weights of %u bits: %u to %u are allowed",
                         layout.bits, least, most);
  }
  if (layout.pruned && layout.kind != SymbolKind::index) {
    return Status::Error(Code::malformed, "only codebook indices have a symbol for pruned weights");
  }
  if (layout.rows > kMaxSymbols || layout.columns > kMaxSymbols ||
      (layout.columns > 0 && layout.rows > kMaxSymbols / layout.columns)) {
    return Status::Error(Code::limit, "%zu x %zu coded weights: at most 2^31 are allowed",
                         layout.rows, layout.columns);
  }
  return {};
}

bool IsSymbol(const SymbolLayout& layout, uint16_t symbol) {
  if (layout.kind == SymbolKind::integer) {
    const int value = static_cast<int16_t>(symbol);
    return value >= -(1 << (layout.bits - 1)) && value < 1 << (layout.bits - 1);
  }
  return symbol < (1U << layout.bits) + (layout.pruned ? 1 : 0);
}

size_t FewestBytes(Codec codec, const SymbolLayout& layout) {
  const size_t count = layout.rows * layout.columns;
  const size_t each = codec == Codec::best ? kMaxWeightsPerBestByte : kMaxWeightsPerCodedByte;
  if (count <= kFreeCodedWeights) return 0;
  return (count - kFreeCodedWeights + each - 1) / each;
}

size_t DecodeScratchBytes(Codec codec, const SymbolLayout& layout) {
  if (!CheckLayout(codec, layout).ok()) return 0;
  switch (codec) {
    case Codec::none:
      break;
    case Codec::huffman:
      return kHuffmanScratchBytes;
    case Codec::best_v1:
    case Codec::best:
      return BestScratchBytes(layout);
  }
  return 0;
}

Status Decode(Codec codec, const SymbolLayout& layout, const uint8_t* stream, size_t bytes,
              void* scratch, uint16_t* symbols) {
  LUTRA_RETURN_IF_ERROR(CheckLayout(codec, layout));
  return DecodeTo(codec, layout, stream, bytes, scratch, symbols);
}

Status DecodeBytes(Codec codec, const SymbolLayout& layout, const uint8_t* stream, size_t bytes,
                   void* scratch, uint8_t* symbols) {
  LUTRA_RETURN_IF_ERROR(CheckLayout(codec, layout));
  if (layout.bits > 8 || layout.pruned) {
    return Status::Error(Code::malformed, "coded weights of %u bits do not fit bytes", layout.bits);
  }
  return DecodeTo(codec, layout, stream, bytes, scratch, symbols);
}

}  // namespace lutra::coding
