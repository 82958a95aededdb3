#include "converter/prune/onnx_weights.h"

#include <onnx/onnx_pb.h>

#include <map>
#include <set>

#include "converter/error.h"
#include "converter/files.h"
#include "converter/import/onnx_tensor.h"

namespace lutra::converter {
struct OnnxWeights::Model {
  onnx::ModelProto proto;
  std::map<std::string, onnx::TensorProto*> tensors;  // by value

  // Constants of the file, and Casts of them.
  void Collect() {
    for (onnx::TensorProto& tensor : *proto.mutable_graph()->mutable_initializer()) {
      tensors[tensor.name()] = &tensor;
    }
    for (onnx::NodeProto& node : *proto.mutable_graph()->mutable_node()) {
      if (node.op_type() == "Cast" && node.input_size() == 1 && node.output_size() == 1) {
        const auto source = tensors.find(node.input(0));
        if (source != tensors.end()) tensors[node.output(0)] = source->second;
      }
      if (node.op_type() != "Constant" || node.output_size() != 1) continue;
      for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
        if (attribute.name() != "value") continue;
        attribute.mutable_t()->set_name(node.output(0));
        tensors[node.output(0)] = attribute.mutable_t();
      }
    }
  }

  const std::string* Metadata(const std::string& key) const {
    for (const auto& entry : proto.metadata_props()) {
      if (entry.key() == key) return &entry.value();
    }
    return nullptr;
  }
  std::string& MutableMetadata(const std::string& key) {
    for (auto& entry : *proto.mutable_metadata_props()) {
      if (entry.key() == key) return *entry.mutable_value();
    }
    auto* entry = proto.add_metadata_props();
    entry->set_key(key);
    return *entry->mutable_value();
  }
};

OnnxWeights::~OnnxWeights() = default;

OnnxWeights::OnnxWeights(std::span<const uint8_t> bytes, const std::string& path)
    : path_(path), model_(std::make_unique<Model>()) {
  if (bytes.size() > INT32_MAX ||
      !model_->proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      !model_->proto.has_graph()) {
    throw Error(path + ": is no ONNX network, PyTorch checkpoint or safetensors file");
  }
  model_->Collect();
  const ExternalData external(path);
  std::set<const onnx::TensorProto*> seen;
  for (const onnx::NodeProto& node : model_->proto.graph().node()) {
    const std::string& op = node.op_type();
    if ((op != "Conv" && op != "Gemm" && op != "MatMul") || node.input_size() < 2) continue;
    const auto found = model_->tensors.find(node.input(1));
    if (found == model_->tensors.end() || !seen.insert(found->second).second) continue;
    const onnx::TensorProto& proto = *found->second;
    std::string layer = ModuleOf(node.input(1));
    if (layer.empty()) layer = node.name().empty() ? node.output(0) : node.name();
    try {
      const Tensor tensor = ReadTensor(proto, external);
      if (!IsFloating(tensor.type())) continue;
      weights_.emplace_back(layer, proto.name(), tensor.dims(), tensor.ToFloats());
    } catch (const Error& fault) {
      throw Error(path + ": tensor '" + proto.name() + "' " + fault.what());
    }
    try {
      LayerWeights& weight = weights_.back();
      if (const std::string* mask = model_->Metadata(weight.MaskKey())) weight.SetMask(*mask);
    } catch (const Error& fault) {
      throw Error(path + ": " + fault.what());
    }
  }
  if (weights_.empty()) {
    throw Error(path + ": has no Conv, Gemm or MatMul with constant floating-point weights");
  }
}

void OnnxWeights::Write(const std::string& path) {
  // Tensors in other files are named relative to this one's folder.
  const ExternalData external(path_);
  const auto store = [](const Tensor& tensor, onnx::TensorProto& proto) {
    proto.clear_float_data();
    proto.clear_double_data();
    proto.clear_int32_data();
    proto.clear_external_data();
    proto.clear_data_location();
    proto.set_raw_data(tensor.bytes().data(), tensor.bytes().size());
  };
  for (const LayerWeights& weight : weights_) {
    onnx::TensorProto& proto = *model_->tensors.at(weight.tensor);
    store(WithValues(ReadTensor(proto, external), weight.values), proto);
    if (weight.masked) model_->MutableMetadata(weight.MaskKey()) = weight.Mask();
  }
  for (onnx::TensorProto& proto : *model_->proto.mutable_graph()->mutable_initializer()) {
    if (proto.data_location() != onnx::TensorProto::EXTERNAL) continue;
    store(ReadTensor(proto, external), proto);
  }
  std::string bytes;
  if (!model_->proto.SerializeToString(&bytes)) throw Error(path + ": more than 2 GB");
  WriteText(path, bytes);
}

}  // namespace lutra::converter
