// The weights of an ONNX network: the constant second inputs of Conv, Gemm and MatMul in the main
// graph, as initializers or Constant nodes, directly or through a Cast (networks stored in FP16).
// Masks lie in the model's metadata_props.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "converter/prune/weights.h"

namespace lutra::converter {

class OnnxWeights : public WeightsFile {
 public:
  /// In the order of the graph's nodes; of a tensor with several readers the first counts. Throws
  /// Error that begins with the path.
  OnnxWeights(std::span<const uint8_t> bytes, const std::string& path);
  ~OnnxWeights() override;

  /// Tensors that lay in other files come into this one.
  void Write(const std::string& path) override;
  bool HasGraph() const override { return true; }

 private:
  struct Model;

  std::string path_;
  std::unique_ptr<Model> model_;
};

}  // namespace lutra::converter
