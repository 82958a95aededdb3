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
       Codec::best_v1,
       899,
       0x3CB87AB90C52DAD9},
      {{SymbolKind::integer, 4, false, 24, 90},
       Content::sparse,
       Codec::none,
       1080,
       0x6435FB75B0E2D985},
      {{SymbolKind::integer, 4, false, 24, 90},
       Content::sparse,
       Codec::huffman,
       303,
       0xBAA2E56B9FD2BDD5},
      {{SymbolKind::integer, 4, false, 24, 90},
       Content::sparse,
       Codec::best_v1,
       295,
       0x3D6DB5A899B9D29E},
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
       Codec::best_v1,
       2013,
       0x058ABC515C12BC47},
      {{SymbolKind::integer, 8, false, 24, 90},
       Content::sparse,
       Codec::none,
       2160,
       0x0E8E0D42D7F4577E},
      {{SymbolKind::integer, 8, false, 24, 90},
       Content::sparse,
       Codec::huffman,
       555,
       0xEE384F0B4F92E835},
      {{SymbolKind::integer, 8, false, 24, 90},
       Content::sparse,
       Codec::best_v1,
       480,
       0x8FACDE8711C2F9CB},
      {{SymbolKind::index, 5, false, 24, 90}, Content::bell, Codec::none, 1350, 0x63FCC838933D63F2},
      {{SymbolKind::index, 5, false, 24, 90},
       Content::bell,
       Codec::huffman,
       1176,
       0x816630EE031181F2},
      {{SymbolKind::index, 5, false, 24, 90},
       Content::bell,
       Codec::best_v1,
       1165,
       0xDC37FEC0EE97E9DF},
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
       Codec::best_v1,
       352,
       0x7DF48815EE7E15EF},
      {{SymbolKind::index, 8, true, 24, 90}, Content::bell, Codec::none, 2430, 0x79946941139DA48C},
      {{SymbolKind::index, 8, true, 24, 90},
       Content::bell,
       Codec::huffman,
       2030,
       0x801DF126493A7F39},
      {{SymbolKind::index, 8, true, 24, 90},
       Content::bell,
       Codec::best_v1,
       2013,
       0x63EF4F50195BFC84},
      {{SymbolKind::index, 8, true, 24, 90}, Content::sparse, Codec::none, 536, 0x17703EA30F3F5514},
      {{SymbolKind::index, 8, true, 24, 90},
       Content::sparse,
       Codec::huffman,
       548,
       0xAD5C978BC77E57E0},
      {{SymbolKind::index, 8, true, 24, 90},
       Content::sparse,
       Codec::best_v1,
       488,
       0x1AD765D47F68434E},
      {{SymbolKind::half, 16, false, 24, 90}, Content::bell, Codec::none, 4320, 0x749300742D9261AA},
      {{SymbolKind::half, 16, false, 24, 90},
       Content::bell,
       Codec::huffman,
       4176,
       0x450342B481239724},
      {{SymbolKind::half, 16, false, 24, 90},
       Content::bell,
       Codec::best_v1,
       4678,
       0x4A21AF2C5F14EF54},
      {{SymbolKind::half, 16, false, 24, 90},
       Content::sparse,
       Codec::none,
       4320,
       0xD418E10B4532551D},
      {{SymbolKind::half, 16, false, 24, 90},
       Content::sparse,
       Codec::huffman,
       826,
       0xF95C27B8B25AAC5B},
      {{SymbolKind::half, 16, false, 24, 90},
       Content::sparse,
       Codec::best_v1,
       765,
       0x7214D290F357309C},
      {{SymbolKind::integer, 8, false, 24, 90},
       Content::bell,
       Codec::best,
       1992,
       0x1F692CBEAECA27BF},
      {{SymbolKind::integer, 4, false, 24, 90},
       Content::sparse,
       Codec::best,
       285,
       0xF79DD117D55F8175},
      {{SymbolKind::index, 5, false, 24, 90}, Content::bell, Codec::best, 1166, 0x214F00A3B86BC647},
      {{SymbolKind::index, 8, true, 24, 90}, Content::bell, Codec::best, 1999, 0x8ABD611CC47BF08D},
      {{SymbolKind::index, 8, true, 24, 90}, Content::sparse, Codec::best, 436, 0x59D4E637B7C100F2},
      {{SymbolKind::half, 16, false, 24, 90}, Content::bell, Codec::best, 4544, 0x1DEE5A33CE79D4C8},
  };
  for (const Golden& golden : goldens) {
    CAPTURE(static_cast<int>(golden.layout.kind));
    CAPTURE(golden.layout.bits);
    CAPTURE(static_cast<int>(golden.content));
    CAPTURE(static_cast<int>(golden.codec));
    const auto symbols = MakeSymbols(golden.layout, golden.content, 2024);
    const auto stream = converter::encoding::Encode(golden.codec, golden.layout, symbols);
    CHECK(stream.size() == golden.bytes);
    CHECK(Hash(stream) == golden.hash);
    std::vector<uint16_t> decoded;
    CHECK(DecodeAll(golden.codec, golden.layout, stream, &decoded).ok());
    CHECK(decoded == symbols);
  }
}

}  // namespace
}  // namespace lutra::test
