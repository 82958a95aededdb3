// Decoder of codec `none`: a packed bit string (base/packed_bits.h) of the symbols. Of a pruned
// tensor two: one bit for every symbol, 1 where it is not the pruned zero, then the indices of
// those.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/coding/codec.h"

namespace lutra::coding {

/// The stream must be exactly as long as its symbols ask for.
template <typename Symbol>
Status DecodePacked(const SymbolLayout& layout, const uint8_t* stream, size_t bytes,
                    Symbol* symbols);

}  // namespace lutra::coding
