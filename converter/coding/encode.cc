#include "converter/coding/encode.h"

#include <algorithm>
#include <string>

#include "base/packed_bits.h"
#include "converter/coding/encode_streams.h"
#include "converter/error.h"

namespace lutra::converter::encoding {

using coding::Codec;
using coding::SymbolLayout;

std::vector<uint8_t> EncodePacked(const SymbolLayout& layout, std::span<const uint16_t> symbols) {
  const size_t mask_bytes = layout.pruned ? PackedBytes(symbols.size(), 1) : 0;
  const size_t pruned = layout.pruned ? static_cast<size_t>(std::ranges::count(symbols, 0)) : 0;
  std::vector<uint8_t> out(mask_bytes + PackedBytes(symbols.size() - pruned, layout.bits));
  PackedWriter elements(out.data() + mask_bytes, layout.bits);
  if (layout.pruned) {
    PackedWriter mask(out.data(), 1);
    for (const uint16_t symbol : symbols) {
      mask.Put(symbol != 0 ? 1 : 0);
      if (symbol != 0) elements.Put(symbol - 1U);
    }
    mask.Finish();
  } else {
    for (const uint16_t symbol : symbols) elements.Put(symbol);
  }
  elements.Finish();
  return out;
}

std::vector<uint8_t> Encode(Codec codec, const SymbolLayout& layout,
                            std::span<const uint16_t> symbols) {
  const Status status = coding::CheckLayout(codec, layout);
  if (!status.ok()) throw Error(status.message());
  if (symbols.size() != layout.rows * layout.columns) {
    throw Error(std::to_string(symbols.size()) + " symbols for a tensor of " +
                std::to_string(layout.rows * layout.columns));
  }
  for (const uint16_t symbol : symbols) {
    if (!coding::IsSymbol(layout, symbol)) {
      throw Error("symbol " + std::to_string(symbol) + " does not fit " +
                  std::to_string(layout.bits) + " bits");
    }
  }
  if (codec == Codec::none) return EncodePacked(layout, symbols);
  std::vector<uint8_t> stream = codec == Codec::huffman
                                    ? EncodeHuffman(layout, symbols)
                                    : EncodeBest(codec == Codec::best_v1, layout, symbols);
  stream.resize(std::max(stream.size(), coding::FewestBytes(codec, layout)));
  return stream;
}

EncodedSymbols EncodeSmallest(const SymbolLayout& layout, std::span<const uint16_t> symbols) {
  EncodedSymbols smallest = {Codec::none, Encode(Codec::none, layout, symbols)};
  for (const Codec codec : {Codec::huffman, Codec::best}) {
    std::vector<uint8_t> bytes = Encode(codec, layout, symbols);
    if (bytes.size() < smallest.bytes.size()) smallest = {codec, std::move(bytes)};
  }
  return smallest;
}

}  // namespace lutra::converter::encoding
