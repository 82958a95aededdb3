// Tensors for the tests of entropy coding, alike on every machine: only integer draws of
// std::mt19937, whose numbers the standard fixes.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

#include "runtime/coding/codec.h"

namespace lutra::test {

using coding::SymbolKind;
using coding::SymbolLayout;

enum class Content { noise, bell, sparse, constant, extremes };

/// A symbol that exists in the layout: of all of them (noise), close to the middle (bell), mostly
/// 0 (sparse), one (constant), or the first and last (extremes).
inline std::vector<uint16_t> MakeSymbols(const SymbolLayout& layout, Content content,
                                         uint32_t seed) {
  std::mt19937 engine(seed);
  const auto random = [&] { return static_cast<uint32_t>(engine()); };
  const uint32_t letters = (1U << layout.bits) + (layout.pruned ? 1 : 0);
  const uint32_t lowest = layout.kind == SymbolKind::integer ? 0U - (1U << (layout.bits - 1)) : 0U;
  const uint32_t middle = layout.kind == SymbolKind::integer ? 0U - lowest : letters / 2;
  std::vector<uint16_t> symbols(layout.rows * layout.columns);
  for (uint16_t& symbol : symbols) {
    uint32_t draw = random() % letters;
    switch (content) {
      case Content::noise:
        break;
      case Content::bell:
        for (int i = 0; i < 3; ++i) draw += random() % letters;
        draw /= 4;
        break;
      case Content::sparse:
        if (random() % 8 != 0) draw = 0U - lowest;
        break;
      case Content::constant:
        draw = middle;
        break;
      case Content::extremes:
        draw = draw % 2 == 0 ? 0 : letters - 1;
        break;
    }
    symbol = static_cast<uint16_t>(lowest + draw);
  }
  return symbols;
}

/// Every kind and width of symbol.
inline std::vector<SymbolLayout> AllKinds() {
  std::vector<SymbolLayout> layouts;
  for (unsigned bits = 2; bits <= 16; ++bits) {
    layouts.push_back({.kind = SymbolKind::integer, .bits = bits});
  }
  for (unsigned bits = 1; bits <= 16; ++bits) {
    layouts.push_back({.kind = SymbolKind::index, .bits = bits});
    if (bits <= 8) layouts.push_back({.kind = SymbolKind::index, .bits = bits, .pruned = true});
  }
  layouts.push_back({.kind = SymbolKind::half, .bits = 16});
  return layouts;
}

/// Work memory of a decoder, of exactly the size that was asked for (a sanitizer sees the rest).
class Scratch {
 public:
  explicit Scratch(size_t bytes)
      : memory_(bytes == 0 ? nullptr : std::aligned_alloc(64, (bytes + 63) / 64 * 64)) {}
  ~Scratch() { std::free(memory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* get() const { return memory_; }

 private:
  void* memory_;
};

/// Decodes into `symbols`, which is resized.
inline Status DecodeAll(coding::Codec codec, const SymbolLayout& layout,
                        const std::vector<uint8_t>& stream, std::vector<uint16_t>* symbols) {
  symbols->assign(layout.rows * layout.columns, 0xABCD);
  const Scratch scratch(coding::DecodeScratchBytes(codec, layout));
  return coding::Decode(codec, layout, stream.data(), stream.size(), scratch.get(),
                        symbols->data());
}

}  // namespace lutra::test
