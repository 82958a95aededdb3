// The weights of an ONNX network: the constant operands of Conv, ConvTranspose, Gemm, MatMul (on
// either side) and of recurrent layers in the main graph, as initializers or Constant nodes,
// directly or through operators that only move or cast elements. Masks lie in the model's
// metadata_props.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "converter/edit/weights.h"

namespace onnx {
class TensorProto;
}

namespace lutra::converter::edit {

class OnnxWeights : public WeightsFile {
 public:
  /// In the order of the graph's nodes; of a tensor with several readers the first counts. Throws
  /// Error that begins with the path.
  OnnxWeights(std::span<const uint8_t> bytes, const std::string& path);
  ~OnnxWeights() override;

  /// Tensors that lay in other files come into this one, wherever in the graph they are.
  std::vector<uint8_t> Bytes(const std::string& path) override;
  bool HasGraph() const override { return true; }
  /// Other matrices that stay as they are, and weights that other operators read too.
  Warnings warnings() const override { return warnings_; }

 private:
  struct Model;

  /// Lines on the other matrices, none of which is `taken`, and on those that others read too.
  std::vector<std::string> Others(const std::set<const onnx::TensorProto*>& taken);

  std::string path_;
  std::unique_ptr<Model> model_;
  Warnings warnings_;
};

}  // namespace lutra::converter::edit
