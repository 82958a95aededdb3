#include "converter/prune/onnx_weights.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <map>
#include <set>

#include "converter/error.h"
#include "converter/files.h"
#include "converter/import/onnx_tensor.h"

namespace lutra::converter::prune {
namespace {

// The inputs of an operator that are its weights when they are constant.
std::vector<int> WeightOperands(const std::string& op) {
  if (op == "Conv" || op == "ConvTranspose") return {1};
  if (op == "Gemm" || op == "MatMul") return {0, 1};
  if (op == "LSTM" || op == "GRU" || op == "RNN") return {1, 2};
  return {};
}

bool Moves(const std::string& op) {
  return op == "Cast" || op == "Identity" || op == "Transpose" || op == "Reshape" ||
         op == "Flatten" || op == "Squeeze" || op == "Unsqueeze";
}

// Matrices and more of floating-point numbers, or of the bytes that quantized networks have.
bool HoldsWeights(const onnx::TensorProto& tensor) {
  using onnx::TensorProto;
  const auto type = tensor.data_type();
  const bool numbers = type == TensorProto::FLOAT || type == TensorProto::DOUBLE ||
                       type == TensorProto::FLOAT16 || type == TensorProto::BFLOAT16 ||
                       type == TensorProto::INT8 || type == TensorProto::UINT8;
  return numbers && std::ranges::count_if(tensor.dims(), [](int64_t d) { return d > 1; }) > 1;
}

}  // namespace

struct OnnxWeights::Model {
  onnx::ModelProto proto;
  std::map<std::string, onnx::TensorProto*> tensors;  // by value

  // Constants of the file, and what only moves or casts their elements: a weight is as small or as
  // near to a centroid behind a Transpose as before it.
  void Collect() {
    for (onnx::TensorProto& tensor : *proto.mutable_graph()->mutable_initializer()) {
      tensors[tensor.name()] = &tensor;
    }
    for (onnx::NodeProto& node : *proto.mutable_graph()->mutable_node()) {
      if (Moves(node.op_type()) && node.input_size() > 0 && node.output_size() == 1) {
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
  importing::TensorReader reader(path);
  std::set<const onnx::TensorProto*> seen;
  for (const onnx::NodeProto& node : model_->proto.graph().node()) {
    for (const int operand : WeightOperands(node.op_type())) {
      if (operand >= node.input_size()) continue;
      const auto found = model_->tensors.find(node.input(operand));
      if (found == model_->tensors.end() || !seen.insert(found->second).second) continue;
      const onnx::TensorProto& proto = *found->second;
      std::string layer = ModuleOf(node.input(operand));
      if (layer.empty()) layer = ModuleOf(proto.name());
      if (layer.empty()) layer = node.name().empty() ? node.output(0) : node.name();
      try {
        const Tensor tensor = reader.Read(proto);
        if (!IsFloating(tensor.type())) {
          seen.erase(&proto);
          continue;
        }
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
  }
  if (weights_.empty()) {
    throw Error(path +
                ": has no convolution, Gemm, MatMul or recurrent layer with constant "
                "floating-point weights");
  }
  WarnOfOthers(seen);
}

void OnnxWeights::WarnOfOthers(const std::set<const onnx::TensorProto*>& taken) {
  std::vector<std::string> left, shared;
  std::set<const onnx::TensorProto*> said;
  for (const onnx::NodeProto& node : model_->proto.graph().node()) {
    const std::vector<int> operands = WeightOperands(node.op_type());
    if (Moves(node.op_type())) continue;
    for (int i = 0; i < node.input_size(); ++i) {
      const auto found = model_->tensors.find(node.input(i));
      if (found == model_->tensors.end() || !HoldsWeights(*found->second)) continue;
      const bool changed = taken.contains(found->second);
      const bool layer = std::ranges::find(operands, i) != operands.end();
      if ((changed && layer) || !said.insert(found->second).second) continue;
      (changed ? shared : left).push_back(found->second->name() + " (" + node.op_type() + ")");
    }
  }
  const auto add = [&](const char* what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    constexpr size_t kMost = 10;
    std::string text = path_ + ": " + what;
    for (size_t i = 0; i < std::min(names.size(), kMost); ++i)
      text += (i == 0 ? "" : ", ") + names[i];
    if (names.size() > kMost) text += " and " + std::to_string(names.size() - kMost) + " more";
    warnings_.Add(text);
  };
  add("left as they are, by the operators that read them: ", left);
  add("changed for other readers too: ", shared);
}

void OnnxWeights::Write(const std::string& path) {
  // Tensors in other files are named relative to this one's folder.
  importing::TensorReader reader(path_);
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
    store(WithValues(reader.Read(proto), weight.values), proto);
    if (weight.masked) model_->MutableMetadata(weight.MaskKey()) = weight.Mask();
  }
  for (onnx::TensorProto& proto : *model_->proto.mutable_graph()->mutable_initializer()) {
    if (proto.data_location() != onnx::TensorProto::EXTERNAL) continue;
    store(reader.Read(proto), proto);
  }
  std::string bytes;
  if (!model_->proto.SerializeToString(&bytes)) throw Error(path + ": more than 2 GB");
  WriteText(path, bytes);
}

}  // namespace lutra::converter::prune
