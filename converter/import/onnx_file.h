// An ONNX file whose constants change: everything else of it stays as it is, of nodes, names and
// metadata what it was.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "converter/graph/tensor.h"

namespace lutra::converter::importing {

class OnnxFile {
 public:
  /// Throws Error, without the path, when the bytes are no ONNX network.
  /// `own_constants`: as ImportOptions has it.
  OnnxFile(std::span<const uint8_t> bytes, std::string path, bool own_constants = false);

  const onnx::GraphProto& graph() const { return model_.graph(); }

  /// The constant of the main graph that is this value: an initializer, or what a Constant node
  /// holds. Null when there is none.
  const onnx::TensorProto* Constant(const std::string& value) const;
  /// Its elements become those of `tensor`, its type too; its dims must be the same.
  void Replace(const std::string& value, const Tensor& tensor);

  /// Visits the tensors of the graph, of whatever is inside it, and of local functions: `where` is
  /// "" in the main graph, else the operator or "function NAME" around it.
  using Visit = std::function<void(const std::string& where, onnx::TensorProto& tensor)>;
  void ForEachTensor(const Visit& visit);

  /// Null when there is no such entry in the file's metadata.
  const std::string* Metadata(const std::string& key) const;
  void SetMetadata(const std::string& key, std::string text);

  /// The whole file; tensors that lay in other files come into this one, wherever in the graph they
  /// are. Throws Error, without the
  /// path, when it passes 2 GB.
  std::string Serialize();

 private:
  std::string path_;
  onnx::ModelProto model_;
  std::map<std::string, onnx::TensorProto*> constants_;  // by value
};

}  // namespace lutra::converter::importing
