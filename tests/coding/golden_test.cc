// Streams are formats: these bytes must decode for ever, and encoders write them on every CPU and
// with every compiler.
#include <doctest/doctest.h>

#include "coding/tensors.h"
#include "converter/coding/encode.h"

namespace lutra::test {
namespace {

using coding::Codec;

/// FNV-1a of 64 bits.
uint64_t Hash(const std::vector<uint8_t>& bytes) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001B3;
  return hash;
}

TEST_CASE("golden streams") {
  struct Golden {
    SymbolLayout layout;
    Content content;
    Codec codec;
    size_t bytes;
    uint64_t hash;
  };
  const Golden goldens[] = {
      {{SymbolKind::integer, 4, false, 24, 90},
       Content::bell,
       Codec::none,
       1080,
       0x43B1CE2841ADE4A9},
      {{SymbolKind::integer, 4, false, 24, 90},
       Content::bell,
       Codec::huffman,
       910,
       0x9E6FE6D9613A8937},
      {{SymbolKind::integer, 4, false, 24, 90},
       Content::bell,
       Codec::best,
       899,
       0x340D6E8F81AB4482},
      {{SymbolKind::integer, 4, false, 24, 90},
       Content::sparse,
       Codec::none,
       1080,
       0x6435FB75B0E2D985},
      {{SymbolKind::integer, 4, false, 24, 90},
       Content::sparse,
       Codec::huffman,
       298,
       0x35ACEF469EF9970C},
      {{SymbolKind::integer, 4, false, 24, 90},
       Content::sparse,
       Codec::best,
       304,
       0xAE294F222416661D},
      {{SymbolKind::integer, 8, false, 24, 90},
       Content::bell,
       Codec::none,
       2160,
       0x42DC33D67617655F},
      {{SymbolKind::integer, 8, false, 24, 90},
       Content::bell,
       Codec::huffman,
       2029,
       0x1B2B3BEA684C9A91},
      {{SymbolKind::integer, 8, false, 24, 90},
       Content::bell,
       Codec::best,
       1990,
       0x106E51596A8AF143},
      {{SymbolKind::integer, 8, false, 24, 90},
       Content::sparse,
       Codec::none,
       2160,
       0x0E8E0D42D7F4577E},
      {{SymbolKind::integer, 8, false, 24, 90},
       Content::sparse,
       Codec::huffman,
       550,
       0xA0F9AC44915992E8},
      {{SymbolKind::integer, 8, false, 24, 90},
       Content::sparse,
       Codec::best,
       475,
       0x88F874CCFA40A874},
      {{SymbolKind::index, 5, false, 24, 90}, Content::bell, Codec::none, 1350, 0x63FCC838933D63F2},
      {{SymbolKind::index, 5, false, 24, 90},
       Content::bell,
       Codec::huffman,
       1176,
       0x816630EE031181F2},
      {{SymbolKind::index, 5, false, 24, 90}, Content::bell, Codec::best, 1162, 0x2FE795ACFC983131},
      {{SymbolKind::index, 5, false, 24, 90},
       Content::sparse,
       Codec::none,
       1350,
       0xE35F6512EC3B6F28},
      {{SymbolKind::index, 5, false, 24, 90},
       Content::sparse,
       Codec::huffman,
       448,
       0x2571674227A34C48},
      {{SymbolKind::index, 5, false, 24, 90},
       Content::sparse,
       Codec::best,
       368,
       0x671AB18778978332},
      {{SymbolKind::index, 8, true, 24, 90}, Content::bell, Codec::none, 2430, 0x79946941139DA48C},
      {{SymbolKind::index, 8, true, 24, 90},
       Content::bell,
       Codec::huffman,
       2022,
       0xAC82D81E5AC1FEBF},
      {{SymbolKind::index, 8, true, 24, 90}, Content::bell, Codec::best, 1989, 0x8D0DF2D6F5EC6039},
      {{SymbolKind::index, 8, true, 24, 90}, Content::sparse, Codec::none, 536, 0x17703EA30F3F5514},
      {{SymbolKind::index, 8, true, 24, 90},
       Content::sparse,
       Codec::huffman,
       540,
       0x394101049BB7977C},
      {{SymbolKind::index, 8, true, 24, 90}, Content::sparse, Codec::best, 484, 0x356C5FFC224299A2},
      {{SymbolKind::half, 16, false, 24, 90}, Content::bell, Codec::none, 4320, 0x749300742D9261AA},
      {{SymbolKind::half, 16, false, 24, 90},
       Content::bell,
       Codec::huffman,
       4169,
       0x867CC02715A11FF1},
      {{SymbolKind::half, 16, false, 24, 90}, Content::bell, Codec::best, 4711, 0xD1A5E82792500939},
      {{SymbolKind::half, 16, false, 24, 90},
       Content::sparse,
       Codec::none,
       4320,
       0xD418E10B4532551D},
      {{SymbolKind::half, 16, false, 24, 90},
       Content::sparse,
       Codec::huffman,
       817,
       0x72BEF26C463300DB},
      {{SymbolKind::half, 16, false, 24, 90},
       Content::sparse,
       Codec::best,
       779,
       0xBECDCDDC123C1736},
  };
  for (const Golden& golden : goldens) {
    CAPTURE(static_cast<int>(golden.layout.kind));
    CAPTURE(golden.layout.bits);
    CAPTURE(static_cast<int>(golden.content));
    CAPTURE(static_cast<int>(golden.codec));
    const auto symbols = MakeSymbols(golden.layout, golden.content, 2024);
    const auto stream = converter::Encode(golden.codec, golden.layout, symbols);
    CHECK(stream.size() == golden.bytes);
    CHECK(Hash(stream) == golden.hash);
    std::vector<uint16_t> decoded;
    CHECK(DecodeAll(golden.codec, golden.layout, stream, &decoded).ok());
    CHECK(decoded == symbols);
  }
}

}  // namespace
}  // namespace lutra::test
