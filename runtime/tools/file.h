// Reading and writing whole files, errors as one line of text: what the command-line tools share
// with the converter. No exceptions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lutra::tools {

/// Reads the whole file. Returns false and fills *error ("FILE: cannot be opened: ...").
bool ReadFile(const std::string& path, std::vector<uint8_t>* bytes, std::string* error);

/// Writes to a temporary name in the same folder and renames it, so that an interrupted or failed
/// write leaves no half file and the old file, if any, untouched. A path that exists and is no
/// regular file (a pipe, a device) is written to directly. Returns false and fills *error.
bool WriteFile(const std::string& path, std::span<const uint8_t> bytes, std::string* error);

}  // namespace lutra::tools
