#include "converter/quantize/layer_name.h"

namespace lutra::converter {

std::string LayerName(const Graph& graph, const Node& node) {
  const std::string& label = node.Label();
  if (graph.IsOutput(label)) return label;
  const std::vector<size_t> consumers = graph.Consumers(label);
  if (consumers.size() != 1) return label;
  const Node& next = graph.nodes[consumers[0]];
  return next.op == "Transpose" && graph.IsOutput(next.Label()) ? next.Label() : label;
}

}  // namespace lutra::converter
