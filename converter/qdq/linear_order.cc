// The pass itself is asked: it is run on a copy of the graph whose weights are the numbers of their
// columns.
#include "converter/qdq/linear_order.h"

#include <algorithm>

#include "converter/passes/passes.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter {
namespace {

bool IsLinear(const Graph& graph, const Node& node) {
  return node.op == "Gemm" && HasWeights(graph, node) && WhyNoWeightMatrix(graph, node).empty();
}

}  // namespace

std::map<std::string, std::vector<size_t>> LinearOrder(const Graph& fused) {
  Graph graph = fused;
  for (const Node& node : graph.nodes) {
    if (!IsLinear(graph, node)) continue;
    const std::vector<size_t> order = WeightMatrixOrder(graph, node);
    Tensor& weights = graph.initializers.at(node.inputs[1]);
    const size_t columns = ReadWeightMatrix(graph, node).k;
    std::vector<int64_t> numbers(order.size());
    for (size_t i = 0; i < order.size(); ++i) numbers[order[i]] = static_cast<int64_t>(i % columns);
    weights = Tensor::Of(weights.dims(), std::move(numbers));
  }
  LayOutGraph(graph);
  std::map<std::string, std::vector<size_t>> result;
  for (const Node& node : graph.nodes) {
    if (!IsLinear(graph, node)) continue;
    const size_t columns = ReadWeightMatrix(graph, node).k;
    const std::vector<int64_t> numbers = graph.Constant(node.inputs[1])->ToInts();
    const std::vector<size_t> order = WeightMatrixOrder(graph, node);
    std::vector<size_t> from;
    for (size_t k = 0; k < columns; ++k) from.push_back(static_cast<size_t>(numbers[order[k]]));
    if (!std::ranges::is_sorted(from)) result[node.Label()] = std::move(from);
  }
  return result;
}

}  // namespace lutra::converter
