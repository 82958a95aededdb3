// The files that a command writes, from the first look at their names to the moment when all of
// them appear. No exceptions; errors are one line of text.
//
// Names come first, before any work: an output that is also an input would destroy it, and two
// outputs in one file would lose one. Then every file is written whole under a temporary name in
// its folder, down to the disk, and only when all have been written does each get its name. So
// what fails or is interrupted before leaves everything as it was, and no half file.
//
// - A symbolic link stays one: the file it leads to is replaced. A file keeps its mode and, where
//   that is allowed, its owner. Its other hard links keep the old content.
// - A file that may not be written is not replaced either.
// - Pipes, devices and the program's own stdout or stderr (/dev/stdout, also where it is a file)
//   are written to directly. A named pipe must find a reader within ten seconds.
#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_identity.h"

namespace lutra {

class OutputFiles {
 public:
  OutputFiles() = default;
  ~OutputFiles();  ///< removes what was written and has no name yet
  OutputFiles(const OutputFiles&) = delete;
  OutputFiles& operator=(const OutputFiles&) = delete;

  /// `role` is what the user calls the file ("--report", "the network"). Both return false and fill
  /// *error where an input and an output, or two outputs, are one file; Writes also where a file of
  /// this name cannot be written, or a device takes nothing (/dev/full).
  bool Reads(const std::string& role, const std::string& path, std::string* error);
  bool Writes(const std::string& role, const std::string& path, std::string* error);
  /// Writes a little in the place of every output and takes it away again: before work that takes
  /// long, for a disk that is full already.
  bool TryWriting(std::string* error) const;
  /// Whether the path is that of an output.
  bool IsOutput(const std::string& path) const;

  /// Writes the file, but for its name.
  bool Write(const std::string& path, std::span<const uint8_t> bytes, std::string* error);
  /// Gives all files their names.
  bool Commit(std::string* error);

 private:
  struct Named {
    std::string role, path;
    FileIdentity identity;
  };
  // Written as `temporary`, to be named `path`; a user knows it as `shown`.
  struct Written {
    std::string shown, path, temporary;
  };

  bool WriteTemporary(const std::string& shown, const std::string& path,
                      std::span<const uint8_t> bytes, std::string* error);

  std::vector<Named> inputs_, outputs_;
  std::list<Written> written_;  // a list, for temporaries are remembered by address
};

/// One file, whole or not at all.
bool WriteFile(const std::string& path, std::span<const uint8_t> bytes, std::string* error);

inline std::span<const uint8_t> BytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace lutra
