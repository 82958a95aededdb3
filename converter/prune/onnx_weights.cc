#include "converter/prune/onnx_weights.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "converter/error.h"
#include "converter/import/onnx_tensor.h"
#include "converter/prune/base64.h"
#include "converter/quantize/recipe.h"
#include "runtime/tools/file.h"

namespace lutra::converter {
namespace {

constexpr std::string_view kMaskKey = "lutra.mask:";

// conv1.weight -> conv1; a name without a dot is no module's parameter.
std::string ModuleOf(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos || dot == 0 ? "" : name.substr(0, dot);
}

std::vector<uint8_t> BitsOf(const std::vector<bool>& kept) {
  std::vector<uint8_t> bits((kept.size() + 7) / 8);
  for (size_t i = 0; i < kept.size(); ++i) {
    if (kept[i]) bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | 1U << i % 8);
  }
  return bits;
}

}  // namespace

size_t OnnxWeight::Kept() const { return static_cast<size_t>(std::ranges::count(kept, true)); }

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

OnnxWeights::OnnxWeights(const std::string& path) : path_(path), model_(std::make_unique<Model>()) {
  std::vector<uint8_t> bytes;
  std::string error;
  if (!tools::ReadFile(path, &bytes, &error)) throw Error(error);
  if (bytes.size() > INT32_MAX ||
      !model_->proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      !model_->proto.has_graph()) {
    throw Error(path + ": is no ONNX network");
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
    OnnxWeight weight;
    weight.tensor = proto.name();
    weight.layer = ModuleOf(node.input(1));
    if (weight.layer.empty()) weight.layer = node.name().empty() ? node.output(0) : node.name();
    try {
      const Tensor tensor = ReadTensor(proto, external);
      if (!IsFloating(tensor.type())) continue;
      weight.dims = tensor.dims();
      weight.values = tensor.ToFloats();
    } catch (const Error& fault) {
      throw Error(path + ": tensor '" + weight.tensor + "' " + fault.what());
    }
    weight.kept.assign(weight.values.size(), true);
    if (const std::string* mask = model_->Metadata(std::string(kMaskKey) + weight.tensor)) {
      const std::optional<std::vector<uint8_t>> bits = FromBase64(*mask);
      if (!bits || bits->size() != (weight.values.size() + 7) / 8) {
        throw Error(path + ": the mask of tensor '" + weight.tensor +
                    "' does not fit it; prune the network it was made from again");
      }
      weight.masked = true;
      for (size_t i = 0; i < weight.kept.size(); ++i) {
        weight.kept[i] = ((*bits)[i / 8] >> i % 8 & 1) != 0;
      }
    }
    weights_.push_back(std::move(weight));
  }
  if (weights_.empty()) {
    throw Error(path + ": has no Conv, Gemm or MatMul with constant floating-point weights");
  }
}

void OnnxWeights::Store(const OnnxWeight& weight) {
  onnx::TensorProto& proto = *model_->tensors.at(weight.tensor);
  const Tensor tensor =
      Tensor::Of(weight.dims, weight.values).Cast(ReadDataType(proto.data_type()));
  proto.clear_float_data();
  proto.clear_double_data();
  proto.clear_int32_data();
  proto.clear_external_data();
  proto.clear_data_location();
  proto.set_raw_data(tensor.bytes().data(), tensor.bytes().size());
  if (weight.masked) {
    model_->MutableMetadata(std::string(kMaskKey) + weight.tensor) = ToBase64(BitsOf(weight.kept));
  }
}

void OnnxWeights::Write(const std::string& path) {
  for (const OnnxWeight& weight : weights_) Store(weight);
  // What else lies in other files is named relative to this one's folder.
  const ExternalData external(path_);
  for (onnx::TensorProto& proto : *model_->proto.mutable_graph()->mutable_initializer()) {
    if (proto.data_location() != onnx::TensorProto::EXTERNAL) continue;
    const Tensor tensor = ReadTensor(proto, external);
    proto.clear_external_data();
    proto.clear_data_location();
    proto.set_raw_data(tensor.bytes().data(), tensor.bytes().size());
  }
  std::string bytes, error;
  if (!model_->proto.SerializeToString(&bytes)) throw Error(path + ": more than 2 GB");
  if (!tools::WriteFile(path, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()},
                        &error)) {
    throw Error(error);
  }
}

PerLayer::PerLayer(const std::string& what, const std::vector<std::string>& texts, double lowest,
                   double highest)
    : what_(what) {
  for (const std::string& text : texts) {
    const size_t equals = text.rfind('=');
    const std::string number = equals == std::string::npos ? text : text.substr(equals + 1);
    Entry entry{equals == std::string::npos ? "*" : text.substr(0, equals), 0};
    const auto [end, fault] =
        std::from_chars(number.data(), number.data() + number.size(), entry.number);
    if (fault != std::errc() || end != number.data() + number.size() || entry.number < lowest ||
        entry.number > highest || entry.pattern.empty()) {
      throw Error(what + ": '" + text + "' is no [LAYER=]NUMBER with a number from " +
                  std::to_string(static_cast<int>(lowest)) + " to " +
                  std::to_string(static_cast<int>(highest)));
    }
    entries_.push_back(std::move(entry));
  }
}

const double* PerLayer::Find(const OnnxWeight& weight) const {
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (MatchesPattern(weight.layer, entry->pattern) ||
        MatchesPattern(weight.tensor, entry->pattern)) {
      return &entry->number;
    }
  }
  return nullptr;
}

void PerLayer::CheckNames(const std::vector<OnnxWeight>& weights) const {
  for (const Entry& entry : entries_) {
    const bool fits = std::ranges::any_of(weights, [&](const OnnxWeight& weight) {
      return MatchesPattern(weight.layer, entry.pattern) ||
             MatchesPattern(weight.tensor, entry.pattern);
    });
    if (fits) continue;
    std::string known;
    for (const OnnxWeight& weight : weights) known += (known.empty() ? "" : ", ") + weight.layer;
    throw Error(what_ + ": '" + entry.pattern + "' fits no layer; layers are " + known);
  }
}

}  // namespace lutra::converter
