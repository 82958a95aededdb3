// Data for calibration and evaluation, read sample by sample: memory does not grow with their
// number. The JSON form is that of docs/cli.md (`--data`).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "converter/graph/tensor.h"

namespace lutra::converter {

struct Sample {
  Tensor input;    ///< float32, [C, H, W] or the npy sample's own shape; (x * scale - mean) / std
  int64_t label = -1;  ///< -1: unlabelled
  std::string source;  ///< file name or index, for messages
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual size_t size() const = 0;
  virtual bool labelled() const = 0;
  /// Thread-safe. Throws Error naming the file.
  virtual Sample Get(size_t index) const = 0;
  /// FNV-1a over the raw bytes of the samples in order, for the accuracy certificate.
  virtual uint64_t Hash() const = 0;
};

/// The JSON file (paths relative to it). Throws Error naming file, field and cure.
std::unique_ptr<Dataset> OpenDataset(const std::string& json_path);

/// Shapes a sample for a graph input of the given dims (a leading 1 added or dropped); throws Error
/// with both shapes when the element counts differ.
Tensor AsInput(const Sample& sample, const std::vector<int64_t>& dims);

}  // namespace lutra::converter
