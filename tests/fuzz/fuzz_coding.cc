// libFuzzer target for the decoders of entropy-coded weights and the reader of Huffman tables: the
// first bytes choose codec and layout, the rest is the stream. Whatever is accepted must consist of
// symbols of its layout.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "coding/tensors.h"
#include "runtime/coding/huffman_table.h"

namespace {

using lutra::coding::Codec;

void ReadTable(const std::vector<uint8_t>& stream) {
  lutra::coding::BitReader bits(stream.data(), stream.size());
  lutra::coding::CodeLengths code;
  const unsigned letters = lutra::coding::kMaxLetters;
  if (!lutra::coding::ReadCodeLengths(bits, letters, &code).ok()) return;
  std::vector<lutra::coding::DecodeEntry> table(lutra::coding::kDecodeEntries,
                                                lutra::coding::DecodeEntry{0xFFFF, 0xFFFF});
  lutra::coding::FillDecodeTable(
      code, letters, [](unsigned letter) { return static_cast<uint16_t>(letter); }, table.data());
  for (const lutra::coding::DecodeEntry& entry : table) {
    if (entry.value >= letters || entry.length > lutra::coding::kMaxCodeBits) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const std::vector<uint8_t> stream(data + 4, data + size);
  constexpr unsigned kCodecs = static_cast<unsigned>(Codec::best) + 1;
  const unsigned what = data[0] % (kCodecs + 1);
  if (what == kCodecs) {
    ReadTable(stream);
    return 0;
  }
  const auto codec = static_cast<Codec>(what);
  static const std::vector<lutra::test::SymbolLayout> kinds = lutra::test::AllKinds();
  lutra::test::SymbolLayout layout = kinds[data[1] % kinds.size()];
  layout.rows = data[2] % 32;
  layout.columns = data[3];
  std::vector<uint16_t> symbols;
  if (!lutra::test::DecodeAll(codec, layout, stream, &symbols).ok()) return 0;
  for (const uint16_t symbol : symbols) {
    if (!lutra::coding::IsSymbol(layout, symbol)) std::abort();
  }
  return 0;
}
