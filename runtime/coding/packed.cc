#include "runtime/coding/packed.h"

#include "base/packed_bits.h"

namespace lutra::coding {
namespace {

/// Whether a string of `count` elements ends in bits of zero.
bool EndsInZeros(const uint8_t* string, size_t count, unsigned bits) {
  const size_t used = count * bits % 8;
  return used == 0 || string[PackedBytes(count, bits) - 1] >> used == 0;
}

/// That `bytes` bytes hold the string and nothing behind it.
Status CheckString(const uint8_t* string, size_t bytes, size_t count, unsigned bits) {
  if (bytes < PackedBytes(count, bits)) {
    return Status::Error(Code::truncated, "coded weights end too early");
  }
  if (bytes > PackedBytes(count, bits)) {
    return Status::Error(Code::malformed, "coded weights are followed by other bytes");
  }
  if (!EndsInZeros(string, count, bits)) {
    return Status::Error(Code::malformed, "padding bits of coded weights are not zero");
  }
  return {};
}

template <typename Symbol>
Status DecodePruned(const SymbolLayout& layout, const uint8_t* stream, size_t bytes,
                    Symbol* symbols) {
  const size_t count = layout.rows * layout.columns;
  const size_t mask_bytes = PackedBytes(count, 1);
  if (bytes < mask_bytes) return Status::Error(Code::truncated, "coded weights end too early");
  LUTRA_RETURN_IF_ERROR(CheckString(stream, mask_bytes, count, 1));
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    symbols[i] = static_cast<Symbol>(PackedAt(stream, 1, i));
    kept += symbols[i];
  }
  const uint8_t* indices = stream + mask_bytes;
  LUTRA_RETURN_IF_ERROR(CheckString(indices, bytes - mask_bytes, kept, layout.bits));
  size_t next = 0;
  for (size_t i = 0; i < count; ++i) {
    if (symbols[i] == 0) continue;
    symbols[i] = static_cast<Symbol>(1 + PackedAt(indices, layout.bits, next++));
  }
  return {};
}

}  // namespace

template <typename Symbol>
Status DecodePacked(const SymbolLayout& layout, const uint8_t* stream, size_t bytes,
                    Symbol* symbols) {
  if (layout.pruned) return DecodePruned(layout, stream, bytes, symbols);
  const size_t count = layout.rows * layout.columns;
  LUTRA_RETURN_IF_ERROR(CheckString(stream, bytes, count, layout.bits));
  const bool is_signed = layout.kind == SymbolKind::integer;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t element = PackedAt(stream, layout.bits, i);
    symbols[i] = static_cast<Symbol>(
        is_signed ? static_cast<uint32_t>(SignedElement(element, layout.bits)) : element);
  }
  return {};
}

template Status DecodePacked(const SymbolLayout&, const uint8_t*, size_t, uint8_t*);
template Status DecodePacked(const SymbolLayout&, const uint8_t*, size_t, uint16_t*);

}  // namespace lutra::coding
