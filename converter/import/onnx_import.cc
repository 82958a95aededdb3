// The order of work: parse, expand local functions, inputs and initializers, nodes in canonical
// form, branches whose condition is known, topological order, checks. Whatever a hostile file
// holds, the outcome is a Graph that passes Graph::Check() or one Error of one line.
#include "converter/import/onnx_import.h"

#include <google/protobuf/stubs/logging.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <new>
#include <optional>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "converter/error.h"
#include "converter/file_kind.h"
#include "converter/files.h"
#include "converter/graph/check_finite.h"
#include "converter/import/canonical.h"
#include "converter/import/functions.h"
#include "converter/import/onnx_tensor.h"
#include "converter/import/own_constants.h"
#include "converter/import/printable_names.h"
#include "converter/one_line.h"

namespace lutra::converter::importing {
namespace {

constexpr int64_t kMaxOpset = 24;

class Importer {
 public:
  Importer(const onnx::ModelProto& model, const std::string& path, const ImportOptions& options)
      : model_(model), options_(options), tensors_(path, options.most_constant_bytes) {}

  Graph Run() {
    if (!model_.has_graph()) throw Error("is no ONNX model (it has no graph)");
    CheckOpset();
    CheckPorts();
    graph_.name = model_.graph().name();
    const std::vector<SourceNode> nodes = InlineFunctions(model_);
    ReadInitializers(model_.graph());
    ReadInputs();
    for (const onnx::ValueInfoProto& output : model_.graph().output()) {
      graph_.outputs.push_back(output.name());
      ReadOutputType(output);
    }
    if (graph_.outputs.empty()) throw Error("the graph has no outputs");
    if (options_.declared != nullptr) ReadDeclared(*options_.declared);
    Canonicalizer canonical(graph_, AllNames(nodes));
    ReadNodes(nodes, canonical);
    TakeBranches(canonical);
    graph_.Sort();
    graph_.Check();
    RefuseUnsupported();
    CheckFinite(graph_);
    return std::move(graph_);
  }

 private:
  void CheckOpset() const {
    for (const onnx::OperatorSetIdProto& import : model_.opset_import()) {
      if (!import.domain().empty() && import.domain() != "ai.onnx") continue;
      if (import.version() < 1 || import.version() > kMaxOpset) {
        throw Error("opset " + std::to_string(import.version()) +
                    " is not supported (7 to 24 are): export with opset_version=18");
      }
    }
  }

  /// A .lutra file holds no more; and parts of the converter walk over all of them for each value.
  void CheckPorts() const {
    constexpr int kMaxPorts = 256;
    const int outputs = model_.graph().output_size();
    const int inputs = model_.graph().input_size() - model_.graph().initializer_size();
    if (outputs > kMaxPorts || inputs > kMaxPorts) {
      throw Error("the graph has " + std::to_string(inputs) + " inputs and " +
                  std::to_string(outputs) + " outputs; at most 256 of each are possible");
    }
  }

  void AddInitializer(const std::string& name, Tensor tensor) {
    if (name.empty()) throw Error("has no name");
    graph_.values[name] = {tensor.type(), tensor.dims()};
    if (!graph_.initializers.emplace(name, std::move(tensor)).second) {
      throw Error("is defined twice");
    }
  }

  void ReadInitializers(const onnx::GraphProto& source) {
    if (source.sparse_initializer_size() > 0) {
      throw Error("sparse initializer '" + source.sparse_initializer(0).values().name() +
                  "' is not supported: store it dense");
    }
    for (const onnx::TensorProto& proto : source.initializer()) {
      try {
        Tensor tensor = tensors_.Read(proto);
        if (IsFloating(tensor.type())) graph_.fp32_bytes += 4 * tensor.elements();
        AddInitializer(proto.name(), std::move(tensor));
      } catch (const Error& error) {
        throw Error("initializer '" + proto.name() + "' " + error.what());
      }
    }
  }

  void ReadInputs() {
    for (const onnx::ValueInfoProto& proto : model_.graph().input()) {
      // Before IR 4 every initializer was listed among the inputs too.
      if (graph_.initializers.contains(proto.name())) continue;
      if (proto.name().empty()) throw Error("an input has no name");
      try {
        graph_.values[proto.name()] = ReadInput(proto);
      } catch (const Error& error) {
        throw Error("input '" + proto.name() + "' " + error.what());
      }
      graph_.inputs.push_back(proto.name());
    }
    for (const auto& [name, shape] : options_.input_shapes) {
      if (std::ranges::find(graph_.inputs, name) == graph_.inputs.end()) {
        RefuseUnknownInput(name);
      }
    }
  }

  [[noreturn]] void RefuseUnknownInput(const std::string& name) const {
    std::string known;
    for (const std::string& input : graph_.inputs) known.append(" '").append(input).append("'");
    throw Error("--input-shape names the input '" + name + "', but the inputs are" + known);
  }

  ValueInfo ReadInput(const onnx::ValueInfoProto& proto) const {
    if (!proto.type().has_tensor_type()) throw Error("is no tensor");
    const onnx::TypeProto::Tensor& type = proto.type().tensor_type();
    ValueInfo info;
    info.type = ReadDataType(type.elem_type());
    const auto given = options_.input_shapes.find(proto.name());
    if (!type.has_shape()) {
      if (given != options_.input_shapes.end()) info.dims = given->second;
      return info;
    }
    info.dims.emplace();
    for (const onnx::TensorShapeProto::Dimension& dim : type.shape().dim()) {
      // Exporters write 0 as well as a name for a dimension that is open.
      const bool known = dim.has_dim_value() && dim.dim_value() != 0 && dim.dim_value() != -1;
      info.dims->push_back(known ? dim.dim_value() : -1);
      if (known && dim.dim_value() < 0) {
        throw Error("has the negative dimension " + std::to_string(dim.dim_value()));
      }
    }
    if (given != options_.input_shapes.end()) ApplyShape(given->second, *info.dims);
    if (!info.dims->empty() && info.dims->front() == -1) info.dims->front() = 1;
    std::vector<int64_t> known = *info.dims;
    std::ranges::replace(known, -1, 1);
    ElementCount(known);
    return info;
  }

  void ReadDeclared(std::map<std::string, ValueInfo>& declared) const {
    const auto read = [&](const onnx::ValueInfoProto& proto) {
      const onnx::TypeProto::Tensor& type = proto.type().tensor_type();
      if (!proto.type().has_tensor_type() || !type.has_shape()) return;
      std::vector<int64_t>& dims = declared[proto.name()].dims.emplace();
      for (const onnx::TensorShapeProto::Dimension& dim : type.shape().dim()) {
        dims.push_back(dim.has_dim_value() && dim.dim_value() > 0 ? dim.dim_value() : -1);
      }
    };
    for (const onnx::ValueInfoProto& proto : model_.graph().value_info()) read(proto);
    for (const onnx::ValueInfoProto& proto : model_.graph().output()) read(proto);
  }

  static void ApplyShape(const std::vector<int64_t>& given, std::vector<int64_t>& dims) {
    bool fits = given.size() == dims.size();
    for (size_t i = 0; fits && i < dims.size(); ++i) {
      // A batch that the exporter wrote down is no part of the network's meaning.
      const bool batch = i == 0 && dims.size() > 1;
      fits = given[i] > 0 && (dims[i] == -1 || dims[i] == given[i] || batch);
    }
    if (!fits) {
      throw Error("is " + DimsText(dims) + " in the model, --input-shape gives " + DimsText(given));
    }
    dims = given;
  }

  /// What the file says of an output, until something better is known of it.
  void ReadOutputType(const onnx::ValueInfoProto& proto) {
    const int32_t type = proto.type().tensor_type().elem_type();
    const bool bytes = type == onnx::TensorProto::UINT8 || type == onnx::TensorProto::INT8;
    if (bytes) graph_.values.emplace(proto.name(), ValueInfo{ReadDataType(type), std::nullopt});
  }

  std::unordered_set<std::string> AllNames(const std::vector<SourceNode>& nodes) const {
    std::unordered_set<std::string> names;
    for (const SourceNode& node : nodes) AddNames(node.proto, names);
    for (const auto& [name, info] : graph_.values) names.insert(name);
    return names;
  }

  static void AddNames(const onnx::NodeProto& node, std::unordered_set<std::string>& names) {
    names.insert(node.output().begin(), node.output().end());
    names.insert(node.input().begin(), node.input().end());
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      for (const onnx::NodeProto& inner : attribute.g().node()) AddNames(inner, names);
    }
  }

  void ReadNodes(const std::vector<SourceNode>& nodes, Canonicalizer& canonical) {
    for (const SourceNode& source : nodes) {
      if (IsIf(source.proto)) {
        branches_.push_back(source);
        continue;
      }
      Node node = ReadNode(source);
      std::string reason = subgraph_
                               ? "control flow and subgraphs are not supported: export a graph "
                                 "without loops and branches"
                               : "";
      try {
        if (reason.empty() && node.op == "Constant" && node.domain.empty()) {
          AddInitializer(node.Label(), ConstantValue(node));
          continue;
        }
        if (reason.empty()) reason = canonical.Add(node, source.opset);
      } catch (const PlacedError&) {
        throw;
      } catch (const Error& error) {
        throw Error(Describe(node) + ": " + error.what());
      }
      if (!reason.empty()) {
        Refuse(node, reason);
        graph_.nodes.push_back(std::move(node));  // so that nothing seems to dangle
      }
    }
  }

  static bool IsIf(const onnx::NodeProto& node) {
    return node.op_type() == "If" && (node.domain().empty() || node.domain() == "ai.onnx");
  }

  /// Every If whose condition is known becomes the nodes of one branch, which may hold more of
  /// them or make another's condition known. The rest is refused.
  void TakeBranches(Canonicalizer& canonical) {
    constexpr int kMaxBranchDepth = 64;
    bool taken = true;
    for (int depth = 0; taken; ++depth) {
      taken = false;
      for (const SourceNode& node : std::exchange(branches_, {})) {
        if (const std::optional<bool> condition = Condition(node.proto)) {
          if (depth == kMaxBranchDepth) {
            throw Error(Describe(ReadNode(node)) + " is a branch in more than 64 others");
          }
          ReadBranch(node, *condition, canonical);
          taken = true;
        } else {
          branches_.push_back(node);
        }
      }
    }
    for (const SourceNode& source : branches_) {
      Node node = ReadNode(source);
      Refuse(node,
             "its condition is not known before the network runs: export a graph without "
             "branches, or give the inputs' shapes (--input-shape) if they decide it");
      graph_.nodes.push_back(std::move(node));
    }
  }

  std::optional<bool> Condition(const onnx::NodeProto& node) {
    constexpr size_t kMaxConditions = 1024;  // each walks over the nodes behind it
    if (node.input_size() != 1) return std::nullopt;
    if (++conditions_ > kMaxConditions) throw Error("the graph has more than 1024 branches");
    std::optional<Tensor> value;
    if (const Tensor* constant = graph_.Constant(node.input(0))) {
      value = *constant;
    } else if (options_.known_value) {
      value = options_.known_value(graph_, node.input(0));
    }
    if (!value || value->type() != DataType::boolean || value->elements() != 1) return std::nullopt;
    return value->ToInts()[0] != 0;
  }

  void ReadBranch(const SourceNode& source, bool condition, Canonicalizer& canonical) {
    const std::string name = condition ? "then_branch" : "else_branch";
    const Node node = ReadNode(source);
    const onnx::GraphProto* branch = nullptr;
    for (const onnx::AttributeProto& attribute : source.proto.attribute()) {
      if (attribute.name() == name && attribute.has_g()) branch = &attribute.g();
    }
    if (branch == nullptr || branch->output_size() != source.proto.output_size()) {
      throw Error(Describe(node) + " has no " + name + " with its outputs");
    }
    ReadInitializers(*branch);
    std::vector<SourceNode> nodes = InlineFunctions(model_, *branch, source.opset);
    for (int i = 0; i < branch->output_size(); ++i) {
      if (source.proto.output(i).empty()) continue;
      onnx::NodeProto& identity = nodes.emplace_back(SourceNode{{}, source.opset}).proto;
      identity.set_op_type("Identity");
      identity.set_name(source.proto.name());
      identity.add_input(branch->output(i).name());
      identity.add_output(source.proto.output(i));
    }
    ReadNodes(nodes, canonical);
  }

  Node ReadNode(const SourceNode& source) {
    const onnx::NodeProto& proto = source.proto;
    Node node;
    node.op = proto.op_type();
    node.domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
    node.name = proto.name();
    node.inputs.assign(proto.input().begin(), proto.input().end());
    node.outputs.assign(proto.output().begin(), proto.output().end());
    if (node.Label() == node.name && proto.output_size() == 0) {
      throw Error(Describe(node) + " has no outputs");
    }
    if (node.domain.empty() && source.opset == 0) {
      throw Error("imports no ONNX operator set, but " + Describe(node) + " is of it");
    }
    subgraph_ = false;
    for (const onnx::AttributeProto& attribute : proto.attribute()) {
      try {
        ReadAttribute(attribute, node);
      } catch (const Error& error) {
        throw Error(Describe(node) + ": attribute '" + attribute.name() + "' " + error.what());
      }
    }
    return node;
  }

  void ReadAttribute(const onnx::AttributeProto& proto, Node& node) {
    using Type = onnx::AttributeProto;
    Attribute& value = node.attributes[proto.name()];
    switch (AttributeType(proto)) {
      case Type::INT:
        value = proto.i();
        return;
      case Type::FLOAT:
        value = proto.f();
        return;
      case Type::STRING:
        value = proto.s();
        return;
      case Type::TENSOR:
        value = tensors_.Read(proto.t());
        return;
      case Type::INTS:
        value = std::vector<int64_t>(proto.ints().begin(), proto.ints().end());
        return;
      case Type::FLOATS:
        value = std::vector<float>(proto.floats().begin(), proto.floats().end());
        return;
      case Type::STRINGS:
        value = std::vector<std::string>(proto.strings().begin(), proto.strings().end());
        return;
      case Type::GRAPH:
      case Type::GRAPHS:
        node.attributes.erase(proto.name());
        subgraph_ = true;
        return;
      default:
        throw Error("is of a kind that is not supported");
    }
  }

  /// The first IR version had no type field: which one is set tells.
  static onnx::AttributeProto::AttributeType AttributeType(const onnx::AttributeProto& proto) {
    using Type = onnx::AttributeProto;
    if (proto.type() != Type::UNDEFINED) return proto.type();
    if (proto.has_i()) return Type::INT;
    if (proto.has_f()) return Type::FLOAT;
    if (proto.has_s()) return Type::STRING;
    if (proto.has_t()) return Type::TENSOR;
    if (proto.has_g() || proto.graphs_size() > 0) return Type::GRAPH;
    if (proto.floats_size() > 0) return Type::FLOATS;
    if (proto.strings_size() > 0) return Type::STRINGS;
    return Type::INTS;
  }

  static Tensor ConstantValue(const Node& node) {
    if (const auto found = node.attributes.find("value"); found != node.attributes.end()) {
      if (const Tensor* tensor = std::get_if<Tensor>(&found->second)) return *tensor;
      throw Error("attribute 'value' is not a tensor");
    }
    if (node.Has("value_int")) {
      return Tensor::Of({}, std::vector<int64_t>{node.Int("value_int", 0)});
    }
    if (node.Has("value_float")) {
      return Tensor::Of({}, std::vector<float>{node.Float("value_float", 0)});
    }
    if (node.Has("value_ints")) {
      const std::vector<int64_t> values = node.Ints("value_ints");
      return Tensor::Of({static_cast<int64_t>(values.size())}, values);
    }
    if (const auto found = node.attributes.find("value_floats"); found != node.attributes.end()) {
      if (const auto* values = std::get_if<std::vector<float>>(&found->second)) {
        return Tensor::Of({static_cast<int64_t>(values->size())}, *values);
      }
    }
    throw Error("holds no numeric value");
  }

  static std::string Describe(const Node& node) {
    const std::string domain = node.domain.empty() ? "" : node.domain + ".";
    return "node '" + (node.name.empty() ? node.Label() : node.name) + "' (" + domain + node.op +
           ")";
  }

  void Refuse(const Node& node, const std::string& reason) {
    if (refused_labels_.insert(node.Label()).second) refused_.Add(Describe(node) + ": " + reason);
  }

  void RefuseUnsupported() {
    if (options_.why_unsupported) {
      for (const Node& node : graph_.nodes) {
        if (std::string reason = options_.why_unsupported(node); !reason.empty()) {
          Refuse(node, reason);
        }
      }
    }
    if (refused_.count() == 0) return;
    throw Error(std::to_string(refused_.count()) +
                (refused_.count() == 1 ? " node is" : " nodes are") +
                " not supported: " + refused_.text());
  }

  const onnx::ModelProto& model_;
  const ImportOptions& options_;
  TensorReader tensors_;
  Graph graph_;
  FaultList refused_;  ///< node and reason
  std::unordered_set<std::string> refused_labels_;
  std::vector<SourceNode> branches_;  ///< every If that is not read yet
  size_t conditions_ = 0;             ///< that were looked at
  bool subgraph_ = false;             ///< the node just read has a subgraph
};

}  // namespace

Graph ImportOnnx(const std::string& path, const ImportOptions& options) {
  const std::vector<uint8_t> bytes = ReadBytes(path);
  return ImportOnnxBytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path,
                         options);
}

Graph ImportOnnxBytes(std::string_view bytes, const std::string& path,
                      const ImportOptions& options) {
  constexpr size_t kProtobufLimit = 0x7FFFFFFF;
  if (bytes.size() > kProtobufLimit) {
    throw Error(path + ": is larger than the 2 GB of a protobuf file: use external data");
  }
  const google::protobuf::LogSilencer silence;  // it would print lines of its own
  onnx::ModelProto model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    throw Error(path + ": is no ONNX file, or it is cut off" +
                LooksLike({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}));
  }
  MakeNamesPrintable(model);
  try {
    if (options.own_constants) GiveOwnConstants(model, path);
    return Importer(model, path, options).Run();
  } catch (const Error& error) {
    throw Error(OneLine(path + ": " + error.what()));
  } catch (const std::bad_alloc&) {
    throw Error(path + ": the network does not fit into memory");
  } catch (const std::length_error&) {
    throw Error(path + ": the network does not fit into memory");
  }
}

}  // namespace lutra::converter::importing
