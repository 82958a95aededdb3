// Whole files for the converter, which throws: each fault is one line that begins with the path.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/output_files.h"
#include "converter/error.h"

namespace lutra::converter {

/// Throws Error, also when the file is larger than `most_bytes`.
inline std::vector<uint8_t> ReadBytes(const std::string& path, uint64_t most_bytes = UINT64_MAX) {
  std::vector<uint8_t> bytes;
  std::string error;
  if (!ReadFile(path, &bytes, &error, most_bytes)) throw Error(error);
  return bytes;
}

inline std::string ReadText(const std::string& path, uint64_t most_bytes = UINT64_MAX) {
  const std::vector<uint8_t> bytes = ReadBytes(path, most_bytes);
  return {bytes.begin(), bytes.end()};
}

/// Under a temporary name first: a file of that name stays as it was until this one is whole.
inline void WriteBytes(const std::string& path, std::span<const uint8_t> bytes) {
  std::string error;
  if (!WriteFile(path, bytes, &error)) throw Error(error);
}

inline void WriteText(const std::string& path, std::string_view text) {
  WriteBytes(path, BytesOf(text));
}

/// All the files of one command: OutputFiles, which see, with errors thrown.
class Outputs {
 public:
  void Reads(const std::string& role, const std::string& path) {
    std::string error;
    if (!files_.Reads(role, path, &error)) throw Error(error);
  }
  void Writes(const std::string& role, const std::string& path) {
    std::string error;
    if (!files_.Writes(role, path, &error)) throw Error(error);
  }
  void TryWriting() const {
    std::string error;
    if (!files_.TryWriting(&error)) throw Error(error);
  }
  void Write(const std::string& path, std::span<const uint8_t> bytes) {
    std::string error;
    if (!files_.Write(path, bytes, &error)) throw Error(error);
  }
  void Write(const std::string& path, std::string_view text) { Write(path, BytesOf(text)); }
  void Commit() {
    std::string error;
    if (!files_.Commit(&error)) throw Error(error);
  }

 private:
  OutputFiles files_;
};

}  // namespace lutra::converter
