#include "runtime/coding/best.h"

namespace lutra::coding {
namespace {

unsigned ReadField(const SymbolLayout& layout, const uint8_t* at) {
  return BestFieldBytes(layout) == 1 ? at[0] : at[0] + 256U * at[1];
}

/// No symbol of the layout has a larger size.
unsigned LargestSize(const SymbolLayout& layout) {
  switch (layout.kind) {
    case SymbolKind::integer:
      return 1U << (layout.bits - 1);
    case SymbolKind::index:
      return (1U << layout.bits) - (layout.pruned ? 0 : 1);
    case SymbolKind::half:
      break;
  }
  return 0x7FFF;
}

Status ReadHeader(bool v1, const SymbolLayout& layout, const uint8_t* stream, size_t bytes,
                  BestHeader* header) {
  if (bytes < BestHeaderBytes(layout)) {
    return Status::Error(Code::truncated, "coded weights end in their header");
  }
  header->v1 = v1;
  header->period = 1 + (stream[0] & 63U);
  header->zero_first = (stream[0] & 64U) != 0;
  header->plain_signs = (stream[0] & 128U) != 0;
  if (v1) {
    header->scale = MiddleOfScale(stream[1], kHeaderScaleBitsV1);
  } else {
    const int zeros = stream[1] >> 6;
    header->zero_shift = zeros == 0 ? 0 : zeros + 1;
    header->scale = MiddleOfScale(stream[1] & 63U, kHeaderScaleBits);
  }
  header->largest = ReadField(layout, stream + 2);
  if (layout.kind == SymbolKind::index) {
    header->center = ReadField(layout, stream + 2 + BestFieldBytes(layout));
  }
  if (header->largest > LargestSize(layout) || header->center > LargestSize(layout)) {
    return Status::Error(Code::malformed, "the header of coded weights is damaged");
  }
  return {};
}

}  // namespace

size_t BestScratchBytes(const SymbolLayout& layout) {
  return WeightModel::ScratchBytes(layout.columns);
}

template <typename Symbol>
Status DecodeBest(bool v1, const SymbolLayout& layout, const uint8_t* stream, size_t bytes,
                  void* scratch, Symbol* symbols, size_t* used) {
  *used = 0;
  if (layout.rows == 0 || layout.columns == 0) return {};
  BestHeader header;
  LUTRA_RETURN_IF_ERROR(ReadHeader(v1, layout, stream, bytes, &header));
  const size_t header_bytes = BestHeaderBytes(layout);
  RangeDecoder decoder(stream + header_bytes, bytes - header_bytes);
  SizeCoder sizes(layout, header, scratch);
  for (size_t row = 0; row < layout.rows; ++row) {
    sizes.BeginRow();
    for (size_t column = 0; column < layout.columns; ++column) {
      const SignedSize value = sizes.Code(decoder, {});
      uint16_t symbol = 0;
      if (value.size > header.largest || !FromSignedSize(layout, header.center, value, &symbol)) {
        return Status::Error(Code::malformed, "coded weights hold a symbol outside their range");
      }
      *symbols++ = static_cast<Symbol>(symbol);
    }
  }
  const size_t coded = decoder.Finish();
  if (coded == SIZE_MAX) {
    return Status::Error(Code::malformed, "coded weights do not end as their encoder ends them");
  }
  *used = header_bytes + coded;
  return {};
}

template Status DecodeBest(bool, const SymbolLayout&, const uint8_t*, size_t, void*, uint8_t*,
                           size_t*);
template Status DecodeBest(bool, const SymbolLayout&, const uint8_t*, size_t, void*, uint16_t*,
                           size_t*);

}  // namespace lutra::coding
