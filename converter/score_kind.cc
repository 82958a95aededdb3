#include "converter/score_kind.h"

#include <algorithm>
#include <cmath>

#include "converter/graph/operator_table.h"

namespace lutra::converter {

void LogSoftmax(std::span<double> x, double temperature) {
  const double largest = *std::ranges::max_element(x);
  double sum = 0;
  for (double& value : x) {
    value = (value - largest) / temperature;
    sum += std::exp(value);
  }
  const double log_sum = std::log(sum);
  for (double& value : x) value -= log_sum;
}

ScoreKind ScoreKindOf(const Graph& graph, std::string value) {
  while (const std::optional<size_t> producer = graph.Producer(value)) {
    const Node& node = graph.nodes[*producer];
    if (node.op == "Softmax") return ScoreKind::probabilities;
    if (node.op == "LogSoftmax") return ScoreKind::log_probabilities;
    const bool quantizes = node.op == "QuantizeLinear" || node.op == "DequantizeLinear";
    if (!quantizes && !Is(node, kView)) break;
    value = node.inputs[0];
  }
  return ScoreKind::logits;
}

}  // namespace lutra::converter
