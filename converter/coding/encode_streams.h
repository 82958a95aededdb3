// One function for each codec, behind Encode; symbols were checked.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/coding/codec.h"

namespace lutra::converter::encoding {

std::vector<uint8_t> EncodePacked(const coding::SymbolLayout& layout,
                                  std::span<const uint16_t> symbols);

/// The shorter of a dense and a sparse stream.
std::vector<uint8_t> EncodeHuffman(const coding::SymbolLayout& layout,
                                   std::span<const uint16_t> symbols);

/// `v1`: a stream of best_v1.
std::vector<uint8_t> EncodeBest(bool v1, const coding::SymbolLayout& layout,
                                std::span<const uint16_t> symbols);

}  // namespace lutra::converter::encoding
