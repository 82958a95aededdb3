#include "converter/edit/onnx_weights.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <map>
#include <set>

#include "converter/error.h"
#include "converter/file_kind.h"
#include "converter/graph/operator_table.h"
#include "converter/import/onnx_file.h"
#include "converter/import/onnx_tensor.h"

namespace lutra::converter::edit {
namespace {

// The inputs of an operator that are its weights when they are constant.
std::vector<int> WeightOperands(const onnx::NodeProto& node) {
  std::vector<int> operands;
  const OperatorRow* row = FindRow(node.domain(), node.op_type());
  if (row == nullptr) return operands;
  const std::vector<InputSlot> slots = InputSlots(*row);
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].role == Role::weight) operands.push_back(static_cast<int>(i));
  }
  return operands;
}

// Whether the weights behind it are those before it.
bool Moves(const onnx::NodeProto& node) {
  const OperatorRow* row = FindRow(node.domain(), node.op_type());
  return row != nullptr && (row->Is(kView) || row->name == "Cast");
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

// A node's inputs, and behind them what the graphs inside it read.
void AddInputs(const onnx::NodeProto& node, std::vector<std::string>& inputs) {
  inputs.insert(inputs.end(), node.input().begin(), node.input().end());
  const auto add = [&](const onnx::GraphProto& graph) {
    for (const onnx::NodeProto& inner : graph.node()) AddInputs(inner, inputs);
  };
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (attribute.has_g()) add(attribute.g());
    for (const onnx::GraphProto& graph : attribute.graphs()) add(graph);
  }
}

std::vector<std::string> InputsOf(const onnx::NodeProto& node) {
  std::vector<std::string> inputs;
  AddInputs(node, inputs);
  return inputs;
}

}  // namespace

struct OnnxWeights::Model {
  importing::OnnxFile file;
  std::map<std::string, const onnx::TensorProto*> tensors;  // by value

  // Constants of the file, and what only moves or casts their elements: a weight is as small or as
  // near to a centroid behind a Transpose as before it.
  Model(std::span<const uint8_t> bytes, const std::string& path) : file(bytes, path) {
    for (const onnx::TensorProto& tensor : file.graph().initializer()) {
      tensors[tensor.name()] = &tensor;
    }
    for (const onnx::NodeProto& node : file.graph().node()) {
      if (Moves(node) && node.input_size() > 0 && node.output_size() == 1) {
        const auto source = tensors.find(node.input(0));
        if (source != tensors.end()) tensors[node.output(0)] = source->second;
      }
      if (node.op_type() != "Constant" || node.output_size() != 1) continue;
      if (const onnx::TensorProto* constant = file.Constant(node.output(0))) {
        tensors[node.output(0)] = constant;
      }
    }
  }
};

OnnxWeights::~OnnxWeights() = default;

OnnxWeights::OnnxWeights(std::span<const uint8_t> bytes, const std::string& path) : path_(path) {
  try {
    model_ = std::make_unique<Model>(bytes, path);
  } catch (const Error&) {
    throw Error(path + ": is no ONNX network, PyTorch checkpoint or safetensors file" +
                LooksLike(bytes));
  }
  importing::TensorReader reader(path);
  std::set<const onnx::TensorProto*> seen;
  for (const onnx::NodeProto& node : model_->file.graph().node()) {
    for (const int operand : WeightOperands(node)) {
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
        if (const std::string* mask = model_->file.Metadata(weight.MaskKey()))
          weight.SetMask(*mask);
      } catch (const Error& fault) {
        throw Error(path + ": " + fault.what());
      }
    }
  }
  const std::vector<std::string> others = Others(seen);
  if (weights_.empty()) {
    std::string text = path +
                       ": has no convolution, Gemm, MatMul or recurrent layer with constant "
                       "floating-point weights in its main graph";
    for (const std::string& line : others) text += "; " + line;
    throw Error(text);
  }
  for (const std::string& line : others) warnings_.Add(path + ": " + line);
}

std::vector<std::string> OnnxWeights::Others(const std::set<const onnx::TensorProto*>& taken) {
  std::vector<std::string> lines;
  std::vector<std::string> left, shared, inner;
  std::set<const onnx::TensorProto*> said;
  for (const onnx::NodeProto& node : model_->file.graph().node()) {
    const std::vector<int> operands = WeightOperands(node);
    if (Moves(node)) continue;
    const std::vector<std::string> inputs = InputsOf(node);
    for (int i = 0; i < static_cast<int>(inputs.size()); ++i) {
      const auto found = model_->tensors.find(inputs[static_cast<size_t>(i)]);
      if (found == model_->tensors.end() || !HoldsWeights(*found->second)) continue;
      const bool changed = taken.contains(found->second);
      const bool layer = std::ranges::find(operands, i) != operands.end();
      if ((changed && layer) || !said.insert(found->second).second) continue;
      (changed ? shared : left).push_back(found->second->name() + " (" + node.op_type() + ")");
    }
  }
  model_->file.ForEachTensor([&](const std::string& where, const onnx::TensorProto& tensor) {
    if (where.empty() || !HoldsWeights(tensor)) return;
    inner.push_back((tensor.name().empty() ? "a constant" : tensor.name()) + " (" + where + ")");
  });
  const auto add = [&](const char* what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    constexpr size_t kMost = 10;
    std::string text = what;
    for (size_t i = 0; i < std::min(names.size(), kMost); ++i)
      text += (i == 0 ? "" : ", ") + names[i];
    if (names.size() > kMost) text += " and " + std::to_string(names.size() - kMost) + " more";
    lines.push_back(text);
  };
  add("left as they are, by the operators that read them: ", left);
  add("left as they are, in branches, loops and functions: ", inner);
  add("changed for other readers too: ", shared);
  return lines;
}

std::vector<uint8_t> OnnxWeights::Bytes(const std::string& path) {
  importing::TensorReader reader(path_);
  for (const LayerWeights& weight : weights_) {
    const Tensor before = reader.Read(*model_->tensors.at(weight.tensor));
    model_->file.Replace(weight.tensor, WithValues(before, weight.values));
    if (weight.masked) model_->file.SetMetadata(weight.MaskKey(), weight.Mask());
  }
  try {
    const std::string bytes = model_->file.Serialize();
    return {bytes.begin(), bytes.end()};
  } catch (const Error& fault) {
    throw Error(path + ": " + fault.what());
  }
}

}  // namespace lutra::converter::edit
