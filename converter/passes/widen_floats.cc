// Everything floating becomes float32: initializers, inputs, and what Casts and generators give.
// Lutra computes in float32 whatever the file was stored in. Runs after the shape arithmetic has
// been folded, which may need its own types.
#include <utility>

#include "converter/passes/connections.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

bool IsOtherFloat(DataType type) { return IsFloating(type) && type != DataType::float32; }

bool ReadsFloats(const Graph& graph, const Node& cast) {
  const ValueInfo* info = graph.Info(cast.Input(0));
  return info != nullptr && IsFloating(info->type);
}

}  // namespace

void WidenFloats(Graph& graph) {
  for (auto& [name, tensor] : graph.initializers) {
    if (IsOtherFloat(tensor.type())) tensor = tensor.Cast(DataType::float32);
  }
  for (Node& node : graph.nodes) {
    for (auto& [name, attribute] : node.attributes) {
      if (Tensor* tensor = std::get_if<Tensor>(&attribute);
          tensor != nullptr && IsOtherFloat(tensor->type())) {
        *tensor = tensor->Cast(DataType::float32);
      }
    }
    for (const char* name : {"to", "dtype"}) {
      if (IsOtherFloat(static_cast<DataType>(node.Int(name, 0)))) {
        node.attributes[name] = static_cast<int64_t>(DataType::float32);
      }
    }
  }
  for (auto& [value, info] : graph.values) {
    if (IsOtherFloat(info.type)) info.type = DataType::float32;
  }
  Connections connections(graph);
  for (size_t i = 0; i < connections.size(); ++i) {
    const Node& node = connections.node(i);
    const bool drops = node.op == "Cast" && ReadsFloats(graph, node) &&
                       node.Int("to", 0) == static_cast<int64_t>(DataType::float32);
    if (drops) connections.Bypass(i, std::string(node.Input(0)));
  }
  connections.Finish();
}

}  // namespace lutra::converter::passes
