// Whole files for the converter, which throws: each fault is one line that begins with the path.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/error.h"
#include "runtime/tools/file.h"

namespace lutra::converter {

inline std::vector<uint8_t> ReadBytes(const std::string& path) {
  std::vector<uint8_t> bytes;
  std::string error;
  if (!tools::ReadFile(path, &bytes, &error)) throw Error(error);
  return bytes;
}

/// Under a temporary name first: a file of that name stays as it was until this one is whole.
inline void WriteBytes(const std::string& path, std::span<const uint8_t> bytes) {
  std::string error;
  if (!tools::WriteFile(path, bytes, &error)) throw Error(error);
}

inline void WriteText(const std::string& path, std::string_view text) {
  WriteBytes(path, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

}  // namespace lutra::converter
