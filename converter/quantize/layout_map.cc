// The pass itself is asked: it is run on a copy of the graph whose nodes carry their labels, and
// whose weights are the numbers of their columns.
#include "converter/quantize/layout_map.h"

#include <algorithm>

#include "converter/passes/passes.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::quantize {
namespace {

constexpr const char* kMark = "lutra_label";  // node attribute; passes keep what they do not know

bool IsLinear(const Graph& graph, const Node& node) {
  return node.op == "Gemm" && HasWeights(graph, node) && WhyNoWeightMatrix(graph, node).empty();
}

void NumberColumns(Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (!IsLinear(graph, node)) continue;
    const std::vector<size_t> order = WeightMatrixOrder(graph, node);
    Tensor& weights = graph.initializers.at(node.inputs[1]);
    const size_t columns = ReadWeightMatrix(graph, node).k;
    std::vector<int64_t> numbers(order.size());
    for (size_t i = 0; i < order.size(); ++i) numbers[order[i]] = static_cast<int64_t>(i % columns);
    weights = Tensor::Of(weights.dims(), std::move(numbers));
  }
}

std::vector<size_t> ReadColumns(const Graph& graph, const Node& node) {
  const size_t columns = ReadWeightMatrix(graph, node).k;
  const std::vector<int64_t> numbers = graph.Constant(node.inputs[1])->ToInts();
  const std::vector<size_t> order = WeightMatrixOrder(graph, node);
  std::vector<size_t> from;
  for (size_t k = 0; k < columns; ++k) from.push_back(static_cast<size_t>(numbers[order[k]]));
  return from;
}

}  // namespace

LayoutMap MapLayout(const Graph& fused) {
  Graph graph = fused;
  NumberColumns(graph);
  std::map<std::string, std::vector<std::string>> outputs;  // by label
  for (Node& node : graph.nodes) {
    outputs[node.Label()] = node.outputs;
    node.attributes[kMark] = node.Label();
  }
  passes::LayOutGraph(graph);
  LayoutMap map;
  for (const std::string& input : graph.inputs) map.value[input] = input;
  for (const Node& node : graph.nodes) {
    if (IsLinear(graph, node)) {
      std::vector<size_t> columns = ReadColumns(graph, node);
      if (!std::ranges::is_sorted(columns)) map.columns[node.Label()] = std::move(columns);
    }
    const auto before = outputs.find(node.String(kMark, ""));
    if (before == outputs.end()) continue;
    map.label[before->first] = node.Label();
    map.inputs[before->first] = node.inputs;
    for (size_t i = 0; i < node.outputs.size() && i < before->second.size(); ++i) {
      map.value[before->second[i]] = node.outputs[i];
    }
  }
  return map;
}

}  // namespace lutra::converter::quantize
