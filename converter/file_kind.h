// What a file that was given for another is, by its first bytes: a .lutra model in place of the
// network, a checkpoint in place of one, and the like. For messages alone; nothing is read by it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace lutra::converter {

/// "; it looks like a .lutra model", to be put behind what the file is not; empty if unknown.
inline std::string LooksLike(std::span<const uint8_t> bytes) {
  struct Kind {
    size_t at;
    std::string_view mark, name;
  };
  using std::string_view_literals::operator""sv;
  constexpr std::array kKinds = {
      Kind{4, "LUTR"sv, "a .lutra model"},
      Kind{4, "LUTA"sv, "a .lutra archive of weights (lutra decompress restores them)"},
      Kind{4, "TFL3"sv, "a TensorFlow Lite model"},
      Kind{0, "PK\3\4"sv, "a zip file, as PyTorch checkpoints are: weights without a graph"},
      Kind{0, "\x80\2"sv, "a pickle, as old PyTorch checkpoints are: weights without a graph"},
      Kind{8, "{\""sv, "a safetensors file: weights without a graph"},
      Kind{0, "\x93NUMPY"sv, "a NumPy array"},
      Kind{0, "\x1F\x8B"sv, "a gzip file: unpack it"},
      Kind{0, "\x89HDF"sv, "an HDF5 file"},
      Kind{0, "version https://git-lfs"sv, "a pointer of Git LFS: fetch the file itself"}};
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Kind& kind : kKinds) {
    if (text.size() >= kind.at && text.substr(kind.at).starts_with(kind.mark)) {
      return "; it looks like " + std::string(kind.name);
    }
  }
  return bytes.empty() ? "; it is empty" : "";
}

}  // namespace lutra::converter
