#include "converter/quantize/coordinates.h"

#include <algorithm>
#include <vector>

#include "converter/graph/product.h"
#include "converter/quantize/operators.h"

namespace lutra::converter::quantize {
namespace {

// By index: whether a product comes before the node, and it and what follows are none.
std::vector<bool> BehindProducts(const Graph& graph) {
  std::set<std::string> of_products, for_products;  // values that products lead to, or are read by
  std::vector<bool> behind(graph.nodes.size());
  const auto any = [](const std::vector<std::string>& names, const std::set<std::string>& values) {
    return std::ranges::any_of(names, [&](const auto& name) { return values.contains(name); });
  };
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    behind[i] = any(node.inputs, of_products);
    if (behind[i] || ProductOf(node)) {
      of_products.insert(node.outputs.begin(), node.outputs.end());
    }
  }
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    if (!ProductOf(node) && !any(node.outputs, for_products)) continue;
    behind[i] = false;
    for_products.insert(node.inputs.begin(), node.inputs.end());
  }
  return behind;
}

// A constant that differs along another axis than that of the channels, the last.
bool DiffersByPlace(const Tensor& constant) {
  const std::vector<int64_t>& dims = constant.dims();
  return dims.size() > 1 &&
         std::any_of(dims.begin(), dims.end() - 1, [](int64_t d) { return d > 1; });
}

bool ComputesCoordinates(const Graph& graph, const Node& node) {
  return Is(node, kArithmetic) && std::ranges::any_of(node.inputs, [&](const std::string& input) {
           const Tensor* constant = graph.Constant(input);
           return constant != nullptr && DiffersByPlace(*constant);
         });
}

}  // namespace

std::set<std::string> FindCoordinates(const Graph& graph) {
  const std::vector<bool> behind = BehindProducts(graph);
  std::map<std::string, std::vector<size_t>> touching;  // value -> nodes that make or read it
  std::vector<size_t> open;
  std::vector<bool> found(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!behind[i]) continue;
    const Node& node = graph.nodes[i];
    for (const std::string& output : node.outputs) touching[output].push_back(i);
    for (const std::string& input : ActivationInputs(graph, node)) {
      if (touching.contains(input)) touching[input].push_back(i);
    }
    if (!ComputesCoordinates(graph, node)) continue;
    found[i] = true;
    open.push_back(i);
  }
  std::set<std::string> labels;
  while (!open.empty()) {
    const Node& node = graph.nodes[open.back()];
    open.pop_back();
    labels.insert(node.Label());
    std::vector<std::string> values = node.outputs;
    values.insert(values.end(), node.inputs.begin(), node.inputs.end());
    for (const std::string& value : values) {
      const auto at = touching.find(value);
      if (at == touching.end()) continue;
      for (const size_t i : at->second) {
        if (found[i]) continue;
        found[i] = true;
        open.push_back(i);
      }
    }
  }
  return labels;
}

}  // namespace lutra::converter::quantize
