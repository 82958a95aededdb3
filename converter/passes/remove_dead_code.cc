// Nodes and constants that no output of the graph depends on.
#include <algorithm>
#include <unordered_set>

#include "converter/passes/passes.h"

namespace lutra::converter::passes {

void RemoveDeadCode(Graph& graph) {
  std::unordered_set<std::string> used(graph.outputs.begin(), graph.outputs.end());
  std::vector<Node> kept;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool needed = std::ranges::any_of(
        node->outputs, [&](const std::string& output) { return used.contains(output); });
    if (!needed) continue;
    used.insert(node->inputs.begin(), node->inputs.end());
    kept.push_back(std::move(*node));
  }
  std::ranges::reverse(kept);
  graph.nodes = std::move(kept);
  std::erase_if(graph.initializers, [&](const auto& entry) { return !used.contains(entry.first); });
  std::unordered_set<std::string> exists(graph.inputs.begin(), graph.inputs.end());
  for (const Node& node : graph.nodes) exists.insert(node.outputs.begin(), node.outputs.end());
  std::erase_if(graph.values, [&](const auto& entry) {
    return !exists.contains(entry.first) && !graph.initializers.contains(entry.first);
  });
}

}  // namespace lutra::converter::passes
