// Writes the entropy-coded streams that runtime/coding/codec.h reads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/coding/codec.h"

namespace lutra::converter::encoding {

/// Encodes rows * columns symbols. Throws Error when the layout is illegal, the number of symbols
/// is another one or a symbol is outside the layout's range. The same input gives the same bytes
/// everywhere.
std::vector<uint8_t> Encode(coding::Codec codec, const coding::SymbolLayout& layout,
                            std::span<const uint16_t> symbols);

struct EncodedSymbols {
  coding::Codec codec = coding::Codec::none;
  std::vector<uint8_t> bytes;
};

/// The smallest of all codecs; of equally small ones the simplest.
EncodedSymbols EncodeSmallest(const coding::SymbolLayout& layout,
                              std::span<const uint16_t> symbols);

}  // namespace lutra::converter::encoding
