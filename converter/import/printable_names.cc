#include "converter/import/printable_names.h"

#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "base/utf8.h"
#include "schema/limits.h"

namespace lutra::converter::importing {
namespace {

template <typename Visitor>
void VisitGraph(onnx::GraphProto& graph, const Visitor& visit);

template <typename Visitor>
void VisitNode(onnx::NodeProto& node, const Visitor& visit) {
  if (node.has_name()) visit(*node.mutable_name());
  for (std::string& name : *node.mutable_input()) visit(name);
  for (std::string& name : *node.mutable_output()) visit(name);
  for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
    if (attribute.has_g()) VisitGraph(*attribute.mutable_g(), visit);
    for (onnx::GraphProto& graph : *attribute.mutable_graphs()) VisitGraph(graph, visit);
  }
}

template <typename Visitor>
void VisitGraph(onnx::GraphProto& graph, const Visitor& visit) {
  if (graph.has_name()) visit(*graph.mutable_name());
  for (onnx::NodeProto& node : *graph.mutable_node()) VisitNode(node, visit);
  for (onnx::TensorProto& tensor : *graph.mutable_initializer()) visit(*tensor.mutable_name());
  for (auto* values : {graph.mutable_input(), graph.mutable_output(), graph.mutable_value_info()}) {
    for (onnx::ValueInfoProto& value : *values) visit(*value.mutable_name());
  }
}

template <typename Visitor>
void VisitModel(onnx::ModelProto& model, const Visitor& visit) {
  VisitGraph(*model.mutable_graph(), visit);
  for (onnx::FunctionProto& function : *model.mutable_functions()) {
    for (std::string& name : *function.mutable_input()) visit(name);
    for (std::string& name : *function.mutable_output()) visit(name);
    for (onnx::NodeProto& node : *function.mutable_node()) VisitNode(node, visit);
  }
}

bool IsFit(const std::string& name) {
  return name.size() <= kMaxNameBytes && IsPrintableUtf8(name);
}

// Room for the number that tells it from others.
std::string Shortened(std::string name) {
  constexpr size_t kMost = kMaxNameBytes - 24;
  if (name.size() <= kMost) return name;
  size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  name.resize(end);
  return name;
}

}  // namespace

void MakeNamesPrintable(onnx::ModelProto& model) {
  if (!model.has_graph()) return;
  bool fit = true;
  VisitModel(model, [&](const std::string& name) { fit = fit && IsFit(name); });
  if (fit) return;
  std::unordered_set<std::string> taken;
  VisitModel(model, [&](const std::string& name) { taken.insert(name); });
  std::unordered_map<std::string, std::string> renamed;
  size_t number = 1;
  VisitModel(model, [&](std::string& name) {
    if (IsFit(name)) return;
    std::string& better = renamed[name];
    if (better.empty()) {
      const std::string stem = Shortened(Printable(name));
      better = stem;
      while (!taken.insert(better).second) better = stem + "_" + std::to_string(++number);
    }
    name = better;
  });
}

}  // namespace lutra::converter::importing
