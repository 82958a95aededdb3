// Decoder of codec `huffman`. A dense stream codes every symbol with one code. A sparse stream, for
// tensors of many zeros, codes the distances between non-zero values and the values with two codes,
// as in Deep Compression (Han et al., 2016) but with the distances coded as well. A tensor is cut
// into four parts that are decoded side by side, because a single one would wait for its own table
// look-ups.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/coding/codec.h"
#include "runtime/coding/huffman_table.h"

namespace lutra::coding {

enum class HuffmanMode : uint8_t { dense = 0, sparse = 1 };

constexpr size_t kParts = 4;
/// Letters of the code of gaps. Letter g < kLongGap: g zeros, then a value (or the part's end);
/// kLongGap: so many zeros and no value.
constexpr unsigned kGapLetters = 256;
constexpr unsigned kLongGap = kGapLetters - 1;

constexpr size_t kHuffmanScratchBytes = 2 * kDecodeEntries * sizeof(DecodeEntry);

/// Symbols of every part but the last ones, which may be shorter or empty.
constexpr size_t PartSymbols(size_t symbols) { return (symbols + kParts - 1) / kParts; }

/// Decodes to uint16_t or (their low bytes) uint8_t and sets *used to the bytes of the stream
/// proper.
template <typename Symbol>
Status DecodeHuffman(const SymbolLayout& layout, const uint8_t* stream, size_t bytes, void* scratch,
                     Symbol* symbols, size_t* used);

}  // namespace lutra::coding
