// What is encoded comes back: every codec, kind, width, and sizes around those that decoders treat
// specially.
#include "runtime/coding/codec.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "coding/tensors.h"
#include "converter/coding/encode.h"
#include "converter/error.h"

namespace lutra::test {
namespace {

using coding::Codec;

constexpr Codec kCodecs[] = {Codec::none, Codec::huffman, Codec::best_v1, Codec::best};
constexpr Content kContents[] = {Content::noise, Content::bell, Content::sparse, Content::constant,
                                 Content::extremes};

void CheckRoundTrip(const SymbolLayout& layout, const std::vector<uint16_t>& symbols) {
  for (const Codec codec : kCodecs) {
    CAPTURE(static_cast<int>(codec));
    const std::vector<uint8_t> stream = converter::encoding::Encode(codec, layout, symbols);
    std::vector<uint16_t> decoded;
    const Status status = DecodeAll(codec, layout, stream, &decoded);
    CHECK_MESSAGE(status.ok(), status.message());
    CHECK(decoded == symbols);
    std::vector<uint8_t> low(symbols.size());
    const Scratch scratch(coding::DecodeScratchBytes(codec, layout));
    const Status bytes =
        coding::DecodeBytes(codec, layout, stream.data(), stream.size(), scratch.get(), low.data());
    const bool fits = layout.bits <= 8 && !layout.pruned;
    CHECK(bytes.ok() == fits);
    CHECK((!fits || std::equal(low.begin(), low.end(), symbols.begin(),
                               [](uint8_t a, uint16_t b) { return a == (b & 0xFF); })));
  }
}

TEST_CASE("every kind and width comes back") {
  for (SymbolLayout layout : AllKinds()) {
    layout.rows = 7;
    layout.columns = 75;
    CAPTURE(static_cast<int>(layout.kind));
    CAPTURE(layout.bits);
    CAPTURE(layout.pruned);
    for (const Content content : kContents) {
      CAPTURE(static_cast<int>(content));
      CheckRoundTrip(layout, MakeSymbols(layout, content, 1));
    }
  }
}

TEST_CASE("every size comes back") {
  for (const auto& [rows, columns] : std::initializer_list<std::pair<size_t, size_t>>{
           {0, 0},  {0, 5},  {5, 0},  {1, 1},   {1, 2},   {2, 1},   {1, 3},    {1, 4},
           {5, 1},  {1, 20}, {1, 21}, {1, 255}, {1, 256}, {256, 1}, {3, 257},  {64, 128},
           {2, 63}, {9, 9},  {1, 64}, {3, 129}, {1, 511}, {1, 765}, {300, 300}}) {
    const std::pair size(rows, columns);
    CAPTURE(size.first);
    CAPTURE(size.second);
    for (const SymbolLayout kind : {SymbolLayout{.kind = SymbolKind::integer, .bits = 5},
                                    SymbolLayout{.kind = SymbolKind::integer, .bits = 8},
                                    SymbolLayout{.kind = SymbolKind::index, .bits = 1},
                                    SymbolLayout{.kind = SymbolKind::half, .bits = 16}}) {
      SymbolLayout layout = kind;
      layout.rows = rows;
      layout.columns = columns;
      for (const Content content : kContents) {
        CheckRoundTrip(layout, MakeSymbols(layout, content, 2));
      }
    }
  }
}

TEST_CASE("packed streams are what their definition says") {
  const SymbolLayout layout{.kind = SymbolKind::integer, .bits = 3, .rows = 1, .columns = 3};
  // 1, -1, -4 = 001, 111, 100 from the least significant bit: 100'111'001 = 0x139.
  const std::vector<uint16_t> symbols = {1, 0xFFFF, 0xFFFC};
  CHECK(converter::encoding::Encode(Codec::none, layout, symbols) ==
        std::vector<uint8_t>{0x39, 0x01});
}

TEST_CASE("neighbours and scales are used") {
  // Rows of very different scales: a code of one table for all cannot follow, the model must.
  SymbolLayout layout{.kind = SymbolKind::integer, .bits = 8, .rows = 64, .columns = 256};
  std::vector<uint16_t> symbols = MakeSymbols(layout, Content::bell, 3);
  for (size_t row = 0; row < layout.rows; row += 2) {
    for (size_t column = 0; column < layout.columns; ++column) {
      uint16_t& symbol = symbols[row * layout.columns + column];
      symbol = static_cast<uint16_t>(static_cast<int16_t>(symbol) / 16);
    }
  }
  const size_t huffman = converter::encoding::Encode(Codec::huffman, layout, symbols).size();
  const size_t best = converter::encoding::Encode(Codec::best, layout, symbols).size();
  CHECK(best < huffman * 92 / 100);
}

/// Bytes of an ideal code of the symbols' own frequencies.
double EntropyBytes(const std::vector<uint16_t>& symbols) {
  std::vector<size_t> counts(65536);
  for (const uint16_t symbol : symbols) ++counts[symbol];
  double bits = 0;
  for (const size_t count : counts) {
    if (count == 0) continue;
    const auto n = static_cast<double>(count);
    bits += n * std::log2(static_cast<double>(symbols.size()) / n);
  }
  return bits / 8;
}

TEST_CASE("a clustered, pruned tensor without structure takes little more than its entropy") {
  // Two thirds are zero, and the entries' frequencies differ wildly from each to the next, as those
  // of trained centroids do. 255 frequencies have to be learned from some 30,000 indices: half the
  // logarithm of the count of each, 255 * log2(30000 / 255) / 2 bits or 110 bytes, is 0.3 %.
  std::mt19937 engine(5);
  const auto random = [&] { return static_cast<uint32_t>(engine()); };
  std::vector<uint16_t> often;
  for (uint16_t entry = 1; entry <= 256; ++entry)
    often.insert(often.end(), 1 + random() % 9, entry);
  const SymbolLayout layout{
      .kind = SymbolKind::index, .bits = 8, .pruned = true, .rows = 192, .columns = 480};
  std::vector<uint16_t> symbols(layout.rows * layout.columns);
  for (uint16_t& symbol : symbols) {
    symbol = random() % 3 == 0 ? often[random() % often.size()] : uint16_t{0};
  }
  const double entropy = EntropyBytes(symbols);
  const auto bytes = [&](Codec codec) {
    return static_cast<double>(converter::encoding::Encode(codec, layout, symbols).size());
  };
  CHECK(bytes(Codec::best) < 1.015 * entropy);
  CHECK(bytes(Codec::best) < bytes(Codec::huffman));
}

TEST_CASE("the smallest codec is chosen") {
  SymbolLayout layout{.kind = SymbolKind::integer, .bits = 4, .rows = 64, .columns = 64};
  const auto noise = MakeSymbols(layout, Content::noise, 4);
  CHECK(converter::encoding::EncodeSmallest(layout, noise).codec == Codec::none);
  const auto bell = MakeSymbols(layout, Content::bell, 4);
  const auto chosen = converter::encoding::EncodeSmallest(layout, bell);
  for (const Codec codec : kCodecs) {
    CHECK(chosen.bytes.size() <= converter::encoding::Encode(codec, layout, bell).size());
  }
}

TEST_CASE("what does not fit the layout is not encoded") {
  const SymbolLayout layout{.kind = SymbolKind::integer, .bits = 4, .rows = 1, .columns = 1};
  CHECK_THROWS_AS(converter::encoding::Encode(Codec::none, layout, std::vector<uint16_t>{8}),
                  converter::Error);
  CHECK_THROWS_AS(converter::encoding::Encode(Codec::none, layout, std::vector<uint16_t>{1, 1}),
                  converter::Error);
  CHECK_THROWS_AS(converter::encoding::Encode(Codec::none, {.bits = 1}, {}), converter::Error);
}

}  // namespace
}  // namespace lutra::test
