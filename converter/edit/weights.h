// The weights of a file, to be changed where they lie: everything else of the file stays as it is.
//
// Which weights are pruned is kept in the file's metadata, "lutra.mask:" and the tensor's name with
// one bit per weight (1: kept; lowest bit first) in base64: a weight that training made 0 is not
// pruned, and other programs see no tensor that they do not know.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "converter/checkpoint/checkpoint.h"
#include "converter/graph/tensor.h"

namespace lutra::converter::edit {

struct LayerWeights {
  std::string layer;   ///< "conv1" of conv1.weight, else the node's name or output
  std::string tensor;  ///< as the file has it
  std::vector<int64_t> dims;
  std::vector<float> values;
  std::vector<bool> kept;  ///< false: pruned
  bool masked = false;     ///< whether the file has (or shall have) a mask for it

  /// All are kept.
  LayerWeights(std::string layer_name, std::string tensor_name, std::vector<int64_t> shape,
               std::vector<float> numbers);

  size_t Kept() const;
  /// Throws Error that names the first weight that is NaN or infinite.
  void CheckFinite() const;
  /// "lutra.mask:NAME".
  std::string MaskKey() const;
  std::string Mask() const;
  /// A pruned weight that is no longer 0 counts as kept. Throws Error for a mask of another size.
  void SetMask(std::string_view base64);
};

class WeightsFile {
 public:
  virtual ~WeightsFile() = default;

  std::vector<LayerWeights>& weights() { return weights_; }
  const std::vector<LayerWeights>& weights() const { return weights_; }

  /// The file with the weights' values (in the tensors' own types) and masks. Throws Error that
  /// begins with `path`, the name it is to get.
  virtual std::vector<uint8_t> Bytes(const std::string& path) = 0;

  /// Whether it is a network, which can be evaluated.
  virtual bool HasGraph() const = 0;
  /// What the file held and the one written will not.
  virtual std::vector<checkpoint::SkippedEntry> Skipped() const { return {}; }
  /// What the user should know of it.
  virtual Warnings warnings() const { return {}; }

 protected:
  std::vector<LayerWeights> weights_;
};

/// An ONNX network, a PyTorch checkpoint or a safetensors file; all weights are finite. Throws
/// Error that begins with the path, and names the tensor and the element that is not.
std::unique_ptr<WeightsFile> OpenWeights(const std::string& path);

/// conv1.weight -> conv1; empty for a name without a dot, which is no module's parameter.
std::string ModuleOf(std::string_view tensor);

/// The tensor with new values in its own type; elements whose value stays the same keep their bytes
/// (of a float64 also the digits that a float has not).
Tensor WithValues(const Tensor& original, const std::vector<float>& values);

}  // namespace lutra::converter::edit
