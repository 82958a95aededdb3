// Entropy coding of weights: one tensor of quantized symbols to and from a stream of bytes. This is
// the decoding half, small and bounded, for devices; converter/coding/encode.h writes the streams.
// docs/compression.md has the formats bit by bit.
//
//   none     the symbols bit-packed, least significant bit first
//   huffman  canonical, length-limited Huffman codes in four parts; for tensors of many zeros, gaps
//            and values in codes of their own
//   best     context-adaptive range coding with several mixed predictions
//   best_v1  as files had it before: read, and written for tests alone
//
// A stream says nothing about the tensor: its layout is known from elsewhere (the file's tables).
// Every stream has exactly one length; whatever is shorter or longer is refused.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schema/limits.h"
#include "schema/status.h"

namespace lutra::coding {

/// The numbers are stored in files and never change.
enum class Codec : uint8_t { none = 0, huffman = 1, best_v1 = 2, best = 3 };

/// What a symbol means; symbols are held in uint16_t whatever their kind.
///   integer  two's complement of `bits` bits (2 to 16), sign-extended to 16 bits
///   index    position in a codebook sorted by value, 0 to 2^bits - 1 (1 to 16 bits); also for
///            unsigned integers. In a pruned tensor (up to 8 bits) 0 is a pruned zero and 1 + i
///            stands for index i.
///   half     bit pattern of an IEEE 754 half (16 bits)
enum class SymbolKind : uint8_t { integer = 0, index = 1, half = 2 };

struct SymbolLayout {
  SymbolKind kind = SymbolKind::integer;
  unsigned bits = 8;
  bool pruned = false;  ///< index only: one more symbol, for zero
  size_t rows = 0;      ///< output channels; slowest
  size_t columns = 0;   ///< elements of each row, in file order
};

/// More symbols than this are refused, whatever the codec.
constexpr size_t kMaxSymbols = kMaxCodedWeights;
/// The fewest bytes of a stream for a (legal) layout (schema/limits.h has the symbols that a byte
/// may hold). Encoders pad with zero bytes up to it; streams of `none` are longer anyhow.
size_t FewestBytes(Codec codec, const SymbolLayout& layout);

/// Whether `codec` and the layout's fields are legal.
Status CheckLayout(Codec codec, const SymbolLayout& layout);

/// Whether a symbol of this value exists in a (legal) layout.
bool IsSymbol(const SymbolLayout& layout, uint16_t symbol);

/// Bytes of work memory that Decode needs: exact, and independent of the stream. 0 for a layout
/// that CheckLayout refuses.
size_t DecodeScratchBytes(Codec codec, const SymbolLayout& layout);

/// Decodes `rows` * `columns` symbols. `scratch`: DecodeScratchBytes bytes, aligned to 64.
/// Code::malformed (or truncated, limit) when the stream is not one that the encoder writes for
/// such a layout; `symbols` then holds garbage, and nothing outside it was touched.
Status Decode(Codec codec, const SymbolLayout& layout, const uint8_t* stream, size_t bytes,
              void* scratch, uint16_t* symbols);

/// The low byte of each symbol, all of it for layouts of at most 8 bits that are not pruned; others
/// are refused.
Status DecodeBytes(Codec codec, const SymbolLayout& layout, const uint8_t* stream, size_t bytes,
                   void* scratch, uint8_t* symbols);

}  // namespace lutra::coding
