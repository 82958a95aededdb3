// The rows of a NumPy array along its first dimension, any number type, read one by one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/npy.h"
#include "converter/data/random_access_file.h"
#include "converter/graph/tensor.h"

namespace lutra::converter::data {

DataType TypeOf(const NpyHeader& header);

class NpyRows {
 public:
  /// Throws Error naming the file: no array, no dimension to count rows by, or none of them.
  explicit NpyRows(const std::string& path);

  const std::string& path() const { return file_.path(); }
  const NpyHeader& header() const { return header_; }
  size_t size() const { return static_cast<size_t>(header_.shape[0]); }
  /// Dimensions of one.
  const std::vector<int64_t>& dims() const { return dims_; }
  /// Both thread-safe; throw Error where the file ends before.
  Tensor Get(size_t row) const;  ///< in the file's type
  std::vector<uint8_t> Bytes(size_t row) const;

 private:
  NpyHeader header_;
  RandomAccessFile file_;
  std::vector<int64_t> dims_;
};

}  // namespace lutra::converter::data
