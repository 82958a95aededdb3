// The weights of an ONNX file, to be changed where they lie: everything else of the file stays as
// it is. Weights are the constant second inputs of Conv, Gemm and MatMul in the main graph, as
// initializers or Constant nodes, directly or through a Cast (networks stored in FP16).
//
// Which weights are pruned is kept in the file's metadata, "lutra.mask:" and the tensor's name with
// one bit per weight (1: kept; lowest bit first) in base64: a weight that training made 0 is not
// pruned, and other programs see no tensor that they do not know.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lutra::converter {

struct OnnxWeight {
  std::string layer;   ///< "conv1" of conv1.weight, else the node's name or output
  std::string tensor;  ///< name of the initializer, or of the Constant's output
  std::vector<int64_t> dims;
  std::vector<float> values;
  std::vector<bool> kept;  ///< false: pruned
  bool masked = false;     ///< whether the file has (or shall have) a mask for it

  size_t Kept() const;
};

class OnnxWeights {
 public:
  /// Throws Error that begins with the path.
  explicit OnnxWeights(const std::string& path);
  ~OnnxWeights();

  /// In the order of the graph's nodes; of a tensor with several readers the first counts.
  std::vector<OnnxWeight>& weights() { return weights_; }

  /// Writes values (in the tensors' own types) and masks. Tensors that lay in other files come into
  /// this one. Throws Error.
  void Write(const std::string& path);

 private:
  struct Model;
  void Store(const OnnxWeight& weight);

  std::string path_;
  std::unique_ptr<Model> model_;
  std::vector<OnnxWeight> weights_;
};

/// Settings per layer from texts "conv1=84", "fc*=9" or "50", the last for all others: of the
/// layers the last entry that fits counts.
class PerLayer {
 public:
  PerLayer() = default;
  /// Throws Error naming `what` ("--keep") unless every number lies in lowest .. highest.
  PerLayer(const std::string& what, const std::vector<std::string>& texts, double lowest,
           double highest);
  bool empty() const { return entries_.empty(); }
  /// The layer's number, or null. Layers go by the names that OnnxWeight has.
  const double* Find(const OnnxWeight& weight) const;
  /// Throws Error when an entry names no layer.
  void CheckNames(const std::vector<OnnxWeight>& weights) const;

 private:
  struct Entry {
    std::string pattern;
    double number;
  };
  std::string what_;
  std::vector<Entry> entries_;
};

}  // namespace lutra::converter
