// Data for calibration and evaluation, read sample by sample: memory does not grow with their
// number. The JSON form is that of docs/cli.md (`--data`).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "converter/graph/tensor.h"
#include "converter/warnings.h"

namespace lutra::converter::data {

struct DataSpec;

struct Sample {
  Tensor input;  ///< float32, [C, H, W] or the npy sample's own shape; (x * scale - mean) / std
  int64_t label = -1;  ///< -1: unlabelled
  std::string source;  ///< file name or index, for messages
  Tensor target = {};  ///< what the network should give, of any number type; undefined: not known
};

/// How a raw value x of channel c becomes the network's input, in float32:
/// (x * scale - mean[c]) / std[c]. What `--input-type uint8` folds into its tables.
struct Normalization {
  float scale = 1;
  std::vector<float> mean, std;  ///< one value for all channels, or one per channel
  bool stated = true;            ///< false: nobody said anything, neither that it is the identity

  float Apply(float x, size_t channel) const {
    return (x * scale - At(mean, channel, 0)) / At(std, channel, 1);
  }
  /// x * scale of what Apply made y of, up to rounding.
  float Scaled(float y, size_t channel) const {
    return y * At(std, channel, 1) + At(mean, channel, 0);
  }

 private:
  static float At(const std::vector<float>& values, size_t channel, float otherwise) {
    return values.empty() ? otherwise : values[values.size() == 1 ? 0 : channel];
  }
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual size_t size() const = 0;
  virtual bool labelled() const = 0;
  virtual bool has_targets() const { return false; }
  /// Thread-safe. Throws Error naming the file.
  virtual Sample Get(size_t index) const = 0;
  /// FNV-1a over the raw bytes of the samples in order, for the accuracy certificate.
  virtual uint64_t Hash() const = 0;
  virtual Normalization normalization() const { return {}; }
  /// Whether the samples are pixels as they were stored, 0 to 255: scale, mean and std are not
  /// given.
  virtual bool pixels() const { return false; }
  /// What of the data is left out, known once it is open.
  virtual Warnings warnings() const { return {}; }
  /// How many class folders the labels come from; 0 where they stand in files.
  virtual size_t class_folders() const { return 0; }
  /// Every file that is read, for whoever must not write over one.
  virtual std::vector<std::string> Files() const { return {}; }
};

/// The JSON file (paths relative to it). Throws Error naming file, field and cure.
std::unique_ptr<Dataset> OpenDataset(const std::string& json_path);

/// The same from a description that was put together elsewhere (spec.h).
std::unique_ptr<Dataset> OpenDataset(const DataSpec& spec);

/// Shapes a sample for a graph input of the given dims, all known: dimensions of 1 are added or
/// dropped, everything is flattened for an input of one dimension besides the batch, and [C, H, W]
/// is transposed for an input [1, H, W, C]. Throws Error with both shapes otherwise.
Tensor AsInput(const Sample& sample, const std::vector<int64_t>& dims);

}  // namespace lutra::converter::data
