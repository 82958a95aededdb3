// Decoder of codec `none`: `bits` bits of each symbol, least significant bit first, without padding
// between them; the rest of the last byte is zero. Of a pruned tensor first one bit for every
// symbol, 1 where it is not the pruned zero, up to the end of a byte, then the indices of those.
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
