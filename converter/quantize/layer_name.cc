#include "converter/quantize/layer_name.h"

namespace lutra::converter::quantize {

std::string LayerName(const Graph& graph, const Node& node) {
  const std::string& label = node.Label();
  if (graph.IsOutput(label)) return label;
  // The other way round, who reads the label, would look at all nodes for each of them.
  for (const std::string& output : graph.outputs) {
    const std::optional<size_t> producer = graph.Producer(output);
    if (!producer) continue;
    const Node& last = graph.nodes[*producer];
    if (last.op != "Transpose" || last.Input(0) != label || last.Label() != output) continue;
    if (graph.Consumers(label).size() == 1) return output;
  }
  return label;
}

}  // namespace lutra::converter::quantize
