#include "converter/import/functions.h"

#include <google/protobuf/unknown_field_set.h>

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "converter/error.h"

namespace lutra::converter::importing {
namespace {

constexpr size_t kMaxDepth = 64;
/// A .lutra file holds 16384 operators; exporters leave many more nodes that vanish.
constexpr size_t kMaxNodes = 262'144;
/// Functions that call each other twice grow exponentially: a body is copied for every call. Calls
/// count too, as bodies may be empty, and so do the bytes of names and attributes.
constexpr size_t kMaxCopies = 65'536;
constexpr size_t kMaxCopiedBytes = size_t{1} << 28;

using Key = std::pair<std::string, std::string>;  // domain, name
using Names = std::unordered_map<std::string, std::string>;
using Attributes = std::map<std::string, onnx::AttributeProto>;

template <typename Imports>
int64_t DefaultOpset(const Imports& imports, int64_t otherwise) {
  for (const onnx::OperatorSetIdProto& import : imports) {
    if (import.domain().empty() || import.domain() == "ai.onnx") return import.version();
  }
  return otherwise;
}

/// Defaults of a function's attributes (FunctionProto.attribute_proto, field 11 of IR 9), which the
/// classes of ONNX 1.12 know only as unknown fields.
Attributes Defaults(const onnx::FunctionProto& function) {
  constexpr int kAttributeProtoField = 11;
  Attributes defaults;
  const auto& unknown = onnx::FunctionProto::GetReflection()->GetUnknownFields(function);
  for (int i = 0; i < unknown.field_count(); ++i) {
    const auto& field = unknown.field(i);
    if (field.number() != kAttributeProtoField ||
        field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
      continue;
    }
    onnx::AttributeProto attribute;
    if (!attribute.ParseFromString(field.length_delimited())) {
      throw Error("function '" + function.name() + "' has a malformed attribute");
    }
    defaults[attribute.name()] = attribute;
  }
  return defaults;
}

class Inliner {
 public:
  Inliner(const onnx::ModelProto& model, const onnx::GraphProto& graph, int64_t opset) {
    for (const onnx::FunctionProto& function : model.functions()) {
      functions_[{function.domain(), function.name()}] = &function;
    }
    for (const onnx::NodeProto& node : graph.node()) {
      taken_.insert(node.output().begin(), node.output().end());
    }
    for (const onnx::ValueInfoProto& input : graph.input()) taken_.insert(input.name());
    for (const onnx::TensorProto& tensor : graph.initializer()) taken_.insert(tensor.name());
    for (const onnx::NodeProto& node : graph.node()) Add(node, opset);
  }

  std::vector<SourceNode> Take() { return std::move(nodes_); }

 private:
  void Add(const onnx::NodeProto& node, int64_t opset) {
    const auto found = functions_.find({node.domain(), node.op_type()});
    if (found == functions_.end()) {
      if (nodes_.size() == kMaxNodes) throw Error("the graph has more than 262,144 nodes");
      nodes_.push_back({node, opset});
      return;
    }
    if (++depth_ > kMaxDepth) {
      throw Error("function '" + node.op_type() + "' calls itself or is nested too deeply");
    }
    Expand(node, *found->second, opset);
    --depth_;
  }

  void Expand(const onnx::NodeProto& call, const onnx::FunctionProto& function, int64_t opset) {
    if (call.input_size() > function.input_size() || call.output_size() > function.output_size()) {
      throw Error("node '" + (call.output_size() > 0 ? call.output(0) : call.name()) +
                  "' does not fit the function '" + function.name() + "' it calls");
    }
    Names names{{"", ""}};
    for (int i = 0; i < function.input_size(); ++i) {
      names[function.input(i)] = i < call.input_size() ? call.input(i) : "";
    }
    for (int i = 0; i < call.output_size(); ++i) {
      if (!call.output(i).empty()) names[function.output(i)] = call.output(i);
    }
    Attributes given = Defaults(function);
    for (const onnx::AttributeProto& attribute : call.attribute()) {
      given[attribute.name()] = attribute;
    }
    const std::string prefix = (call.name().empty() ? function.name() : call.name()) + "/";
    const int64_t body_opset = DefaultOpset(function.opset_import(), opset);
    for (const onnx::NodeProto& inner : function.node()) {
      onnx::NodeProto node = inner;
      node.set_name(prefix + inner.name());
      Instantiate(given, prefix, names, node);
      copied_bytes_ += node.ByteSizeLong();
      if (++copies_ > kMaxCopies || copied_bytes_ > kMaxCopiedBytes) {
        throw Error("local functions expand to too many nodes (65,536 and 256 MB are the most)");
      }
      Add(node, body_opset);
    }
  }

  /// A node of the body as this call makes it, with the branches it may hold.
  void Instantiate(const Attributes& given, const std::string& prefix, Names& names,
                   onnx::NodeProto& node) {
    for (std::string& name : *node.mutable_input()) name = Rename(name, prefix, names);
    for (std::string& name : *node.mutable_output()) name = Rename(name, prefix, names);
    Substitute(given, node);
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (!attribute.has_g()) continue;
      onnx::GraphProto& branch = *attribute.mutable_g();
      for (onnx::TensorProto& tensor : *branch.mutable_initializer()) {
        tensor.set_name(Rename(tensor.name(), prefix, names));
      }
      for (onnx::NodeProto& inner : *branch.mutable_node()) {
        Instantiate(given, prefix, names, inner);
      }
      for (onnx::ValueInfoProto& output : *branch.mutable_output()) {
        output.set_name(Rename(output.name(), prefix, names));
      }
    }
  }

  std::string Rename(const std::string& name, const std::string& prefix, Names& names) {
    const auto found = names.find(name);
    if (found != names.end()) return found->second;
    const std::string stem = prefix + name;
    std::string fresh = stem;
    // Calls without a name of their own share their stems: go on where the last one ended.
    for (size_t& number = numbers_[stem]; !taken_.insert(fresh).second;) {
      fresh = stem + "_" + std::to_string(++number);
    }
    return names[name] = fresh;
  }

  /// Attributes of the body that refer to the function's own take the call's value, or vanish.
  static void Substitute(const Attributes& given, onnx::NodeProto& node) {
    onnx::NodeProto result = node;
    result.clear_attribute();
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.ref_attr_name().empty()) {
        *result.add_attribute() = attribute;
        continue;
      }
      const auto value = given.find(attribute.ref_attr_name());
      if (value == given.end()) continue;
      onnx::AttributeProto* added = result.add_attribute();
      *added = value->second;
      added->set_name(attribute.name());
    }
    node = std::move(result);
  }

  std::map<Key, const onnx::FunctionProto*> functions_;
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, size_t> numbers_;  ///< by stem, the last one tried
  std::vector<SourceNode> nodes_;
  size_t depth_ = 0, copies_ = 0, copied_bytes_ = 0;
};

}  // namespace

std::vector<SourceNode> InlineFunctions(const onnx::ModelProto& model) {
  return Inliner(model, model.graph(), DefaultOpset(model.opset_import(), 0)).Take();
}

std::vector<SourceNode> InlineFunctions(const onnx::ModelProto& model,
                                        const onnx::GraphProto& branch, int64_t opset) {
  return Inliner(model, branch, opset).Take();
}

}  // namespace lutra::converter::importing
