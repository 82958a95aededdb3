// Reading whole files, errors as one line of text: what the command-line tools share with the
// converter. No exceptions.
//
// Inputs are regular files. A pipe or a device would make the reader wait, or never end, and cannot
// be read twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lutra {

/// Opens for reading without ever waiting. Returns the descriptor, which the caller closes; or -1
/// and fills *error ("FILE: cannot be opened: ...", "FILE: is a folder; name a file").
int OpenForReading(const std::string& path, std::string* error);

/// Reads the whole file. Returns false and fills *error, also when it is larger than `most_bytes`.
bool ReadFile(const std::string& path, std::vector<uint8_t>* bytes, std::string* error,
              uint64_t most_bytes = UINT64_MAX);

}  // namespace lutra
