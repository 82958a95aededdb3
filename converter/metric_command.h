// Programs of the user that judge outputs (metric.h), and the files they get.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "converter/graph/tensor.h"

namespace lutra::converter {

/// The path of an executable file: as it is where it has a slash, else from PATH. Throws Error.
std::string FindProgram(const std::string& name);

/// Runs the program with these arguments and reads the one finite number that it prints on stdout;
/// its stderr is ours, its stdin is empty. `name` is what the user calls it. Throws Error: it
/// cannot be run, fails, or prints anything else.
double RunForNumber(const std::string& name, const std::string& program,
                    const std::vector<std::string>& arguments);

/// A NumPy file in the folder of temporary files (TMPDIR, else /tmp) that is written row by row and
/// goes with its object, or with the program when a signal ends that.
class NpyTemporary {
 public:
  /// `what` is a part of its name. Throws Error, as the others.
  NpyTemporary(const std::string& what, DataType type, size_t rows,
               const std::vector<int64_t>& row_dims);
  NpyTemporary(const NpyTemporary&) = delete;
  NpyTemporary& operator=(const NpyTemporary&) = delete;

  void Append(std::span<const std::byte> row);
  /// Its path, once every row is in it.
  const std::string& Finish();

 private:
  /// Removed with it, whoever throws.
  struct Name {
    ~Name();
    std::string path;
  };

  Name name_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

}  // namespace lutra::converter
