#include "converter/import/onnx_file.h"

#include <utility>

#include "converter/error.h"
#include "converter/import/onnx_tensor.h"
#include "converter/import/own_constants.h"

namespace lutra::converter::importing {
namespace {

void Store(const Tensor& tensor, onnx::TensorProto& proto) {
  proto.clear_float_data();
  proto.clear_double_data();
  proto.clear_int32_data();
  proto.clear_external_data();
  proto.clear_data_location();
  proto.set_data_type(static_cast<int32_t>(tensor.type()));
  proto.set_raw_data(tensor.bytes().data(), tensor.bytes().size());
}

void VisitGraph(onnx::GraphProto& graph, const std::string& where, const OnnxFile::Visit& visit);

void VisitNode(onnx::NodeProto& node, const std::string& where, const OnnxFile::Visit& visit) {
  for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
    if (attribute.has_t()) visit(where, *attribute.mutable_t());
    for (onnx::TensorProto& tensor : *attribute.mutable_tensors()) visit(where, tensor);
    if (attribute.has_g()) VisitGraph(*attribute.mutable_g(), node.op_type(), visit);
    for (onnx::GraphProto& inner : *attribute.mutable_graphs()) {
      VisitGraph(inner, node.op_type(), visit);
    }
  }
}

void VisitGraph(onnx::GraphProto& graph, const std::string& where, const OnnxFile::Visit& visit) {
  for (onnx::TensorProto& tensor : *graph.mutable_initializer()) visit(where, tensor);
  for (onnx::NodeProto& node : *graph.mutable_node()) VisitNode(node, where, visit);
}

}  // namespace

OnnxFile::OnnxFile(std::span<const uint8_t> bytes, std::string path, bool own_constants)
    : path_(std::move(path)) {
  if (bytes.size() > INT32_MAX ||
      !model_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !model_.has_graph()) {
    throw Error("is no ONNX network");
  }
  if (own_constants) GiveOwnConstants(model_, path_);
  for (onnx::TensorProto& tensor : *model_.mutable_graph()->mutable_initializer()) {
    constants_[tensor.name()] = &tensor;
  }
  for (onnx::NodeProto& node : *model_.mutable_graph()->mutable_node()) {
    if (node.op_type() != "Constant" || node.output_size() != 1) continue;
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.name() != "value") continue;
      attribute.mutable_t()->set_name(node.output(0));
      constants_[node.output(0)] = attribute.mutable_t();
    }
  }
}

const onnx::TensorProto* OnnxFile::Constant(const std::string& value) const {
  const auto found = constants_.find(value);
  return found == constants_.end() ? nullptr : found->second;
}

void OnnxFile::Replace(const std::string& value, const Tensor& tensor) {
  Store(tensor, *constants_.at(value));
}

void OnnxFile::ForEachTensor(const Visit& visit) {
  VisitGraph(*model_.mutable_graph(), "", visit);
  for (onnx::FunctionProto& function : *model_.mutable_functions()) {
    for (onnx::NodeProto& node : *function.mutable_node()) {
      VisitNode(node, "function " + function.name(), visit);
    }
  }
}

const std::string* OnnxFile::Metadata(const std::string& key) const {
  for (const auto& entry : model_.metadata_props()) {
    if (entry.key() == key) return &entry.value();
  }
  return nullptr;
}

void OnnxFile::SetMetadata(const std::string& key, std::string text) {
  for (auto& entry : *model_.mutable_metadata_props()) {
    if (entry.key() != key) continue;
    entry.set_value(std::move(text));
    return;
  }
  auto& entry = *model_.add_metadata_props();
  entry.set_key(key);
  entry.set_value(std::move(text));
}

std::string OnnxFile::Serialize() {
  // Tensors in other files are named relative to this one's folder.
  TensorReader reader(path_);
  ForEachTensor([&](const std::string&, onnx::TensorProto& proto) {
    if (proto.data_location() == onnx::TensorProto::EXTERNAL) Store(reader.Read(proto), proto);
  });
  std::string bytes;
  if (!model_.SerializeToString(&bytes)) throw Error("is more than 2 GB");
  return bytes;
}

}  // namespace lutra::converter::importing
