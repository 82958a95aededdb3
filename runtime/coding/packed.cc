#include "runtime/coding/packed.h"

#include "runtime/coding/bits.h"

namespace lutra::coding {

template <typename Symbol>
Status DecodePacked(const SymbolLayout& layout, const uint8_t* stream, size_t bytes,
                    Symbol* symbols) {
  const size_t count = layout.rows * layout.columns;
  BitReader bits(stream, bytes);
  if (layout.pruned) {
    for (size_t i = 0; i < count; ++i) symbols[i] = static_cast<Symbol>(bits.Take(1));
    LUTRA_RETURN_IF_ERROR(bits.AlignToByte());
    for (size_t i = 0; i < count; ++i) {
      if (symbols[i] != 0) symbols[i] = static_cast<Symbol>(1 + bits.Take(layout.bits));
    }
    return bits.Finish();
  }
  // Flipping the sign bit and taking it away again extends it to the left.
  const uint32_t sign = layout.kind == SymbolKind::integer ? 1U << (layout.bits - 1) : 0;
  for (size_t i = 0; i < count; ++i) {
    symbols[i] = static_cast<Symbol>((bits.Take(layout.bits) ^ sign) - sign);
  }
  return bits.Finish();
}

template Status DecodePacked(const SymbolLayout&, const uint8_t*, size_t, uint8_t*);
template Status DecodePacked(const SymbolLayout&, const uint8_t*, size_t, uint16_t*);

}  // namespace lutra::coding
