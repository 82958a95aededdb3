// Streams that no encoder writes are refused, and none makes a decoder touch foreign memory (run
// this under the address sanitizer).
#include <doctest/doctest.h>

#include <random>

#include "coding/tensors.h"
#include "converter/coding/encode.h"

namespace lutra::test {
namespace {

using coding::Codec;

constexpr Codec kAllCodecs[] = {Codec::none, Codec::huffman, Codec::best_v1, Codec::best};

std::vector<SymbolLayout> Layouts() {
  return {{.kind = SymbolKind::integer, .bits = 4, .rows = 12, .columns = 31},
          {.kind = SymbolKind::integer, .bits = 11, .rows = 12, .columns = 31},
          {.kind = SymbolKind::index, .bits = 4, .pruned = true, .rows = 12, .columns = 31},
          {.kind = SymbolKind::half, .bits = 16, .rows = 12, .columns = 31}};
}

TEST_CASE("every truncated and every longer stream is refused") {
  for (const SymbolLayout& layout : Layouts()) {
    for (const Content content : {Content::bell, Content::sparse}) {
      for (const Codec codec : kAllCodecs) {
        const auto stream =
            converter::encoding::Encode(codec, layout, MakeSymbols(layout, content, 1));
        CAPTURE(static_cast<int>(codec));
        CAPTURE(static_cast<int>(layout.kind));
        std::vector<uint16_t> decoded;
        for (size_t bytes = 0; bytes < stream.size(); ++bytes) {
          CAPTURE(bytes);
          const std::vector<uint8_t> part(stream.begin(),
                                          stream.begin() + static_cast<ptrdiff_t>(bytes));
          CHECK_FALSE(DecodeAll(codec, layout, part, &decoded).ok());
        }
        for (const unsigned more : {0U, 1U, 255U}) {
          std::vector<uint8_t> longer = stream;
          longer.push_back(static_cast<uint8_t>(more));
          CHECK_FALSE(DecodeAll(codec, layout, longer, &decoded).ok());
        }
      }
    }
  }
}

TEST_CASE("damage is refused or gives symbols of the layout") {
  std::mt19937 random(5);
  size_t refused = 0;
  for (const SymbolLayout& layout : Layouts()) {
    for (const Codec codec : kAllCodecs) {
      const auto stream =
          converter::encoding::Encode(codec, layout, MakeSymbols(layout, Content::sparse, 2));
      for (int i = 0; i < 400; ++i) {
        auto damaged = stream;
        damaged[random() % damaged.size()] ^= static_cast<uint8_t>(1U << random() % 8);
        std::vector<uint16_t> decoded;
        if (!DecodeAll(codec, layout, damaged, &decoded).ok()) {
          ++refused;
          continue;
        }
        for (const uint16_t symbol : decoded) REQUIRE(coding::IsSymbol(layout, symbol));
      }
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("a header whose mean is above the largest size") {
  // Found by fuzzing: sizes before the first row were taken from it and left the tables.
  const SymbolLayout layout{.kind = SymbolKind::integer, .bits = 6, .rows = 4, .columns = 36};
  std::vector<uint16_t> decoded;
  CHECK_FALSE(DecodeAll(Codec::best_v1, layout, {0x04, 0x24, 0x04, 0x24}, &decoded).ok());
  CHECK_FALSE(DecodeAll(Codec::best, layout, {0x04, 0x3F, 0x04, 0x24}, &decoded).ok());
}

TEST_CASE("a short stream cannot ask for many symbols") {
  SymbolLayout layout{.kind = SymbolKind::integer, .bits = 4, .rows = 1, .columns = 1U << 20};
  const std::vector<uint16_t> zeros(layout.columns);
  for (const Codec codec : {Codec::huffman, Codec::best_v1, Codec::best}) {
    auto stream = converter::encoding::Encode(codec, layout, zeros);
    // (2^20 - 65536) / 256 or 1024
    CHECK(stream.size() == (codec == Codec::best ? 960 : 3840));
    std::vector<uint16_t> decoded;
    CHECK(DecodeAll(codec, layout, stream, &decoded).ok());
    CHECK(decoded == zeros);
    stream.back() = 1;
    CHECK(DecodeAll(codec, layout, stream, &decoded).code() == Code::malformed);
    stream.pop_back();
    CHECK(DecodeAll(codec, layout, stream, &decoded).code() == Code::limit);
  }
}

TEST_CASE("streams of best that were padded for 256 symbols a byte are read") {
  const SymbolLayout layout{.kind = SymbolKind::integer, .bits = 4, .rows = 1, .columns = 1U << 20};
  const std::vector<uint16_t> zeros(layout.columns);
  auto stream = converter::encoding::Encode(Codec::best, layout, zeros);
  std::vector<uint16_t> decoded;
  stream.resize(3840);
  CHECK(DecodeAll(Codec::best, layout, stream, &decoded).ok());
  CHECK(decoded == zeros);
  for (const size_t bytes : {961, 3839, 3841}) {
    stream.resize(bytes);
    CHECK(DecodeAll(Codec::best, layout, stream, &decoded).code() == Code::malformed);
  }
}

TEST_CASE("illegal layouts are refused before anything is read") {
  const auto code = [](Codec codec, const SymbolLayout& layout) {
    CHECK(coding::DecodeScratchBytes(codec, layout) == 0);
    return coding::Decode(codec, layout, nullptr, 0, nullptr, nullptr).code();
  };
  const SymbolLayout sound{.kind = SymbolKind::integer, .bits = 8, .rows = 1, .columns = 1};
  CHECK(coding::CheckLayout(Codec::best, sound).ok());
  CHECK(code(static_cast<Codec>(4), sound) == Code::malformed);
  CHECK(code(Codec::best, {.kind = static_cast<SymbolKind>(3)}) == Code::malformed);
  CHECK(code(Codec::best, {.kind = SymbolKind::integer, .bits = 17}) == Code::malformed);
  CHECK(code(Codec::best, {.kind = SymbolKind::integer, .bits = 1}) == Code::malformed);
  CHECK(code(Codec::best, {.kind = SymbolKind::half, .bits = 8}) == Code::malformed);
  CHECK(code(Codec::best, {.kind = SymbolKind::index, .bits = 9, .pruned = true}) ==
        Code::malformed);
  CHECK(code(Codec::best, {.kind = SymbolKind::integer, .bits = 8, .pruned = true}) ==
        Code::malformed);
  CHECK(code(Codec::best, {.bits = 8, .rows = SIZE_MAX, .columns = SIZE_MAX}) == Code::limit);
  CHECK(code(Codec::best, {.bits = 8, .rows = 1U << 16, .columns = 1U << 16}) == Code::limit);
}

}  // namespace
}  // namespace lutra::test
