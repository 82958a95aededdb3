#include "converter/train/points.h"

#include <utility>
#include <vector>

#include "converter/quantize/operators.h"
#include "converter/quantize/point.h"

namespace lutra::converter::train {

void InsertPoints(const quantize::Quantization& quantization, Graph& graph,
                  const std::map<std::string, std::string>& scales) {
  std::vector<Node> nodes;
  std::map<std::string, std::string> replaced;  // value -> what its readers get
  const auto add_point = [&](const std::string& value) {
    const quantize::QuantParams* params = quantization.Params(value);
    if (params == nullptr) return;
    const std::string to = graph.FreshName(value + "_rounded");
    const quantize::Point point{.params = *params};
    const auto scale = scales.find(value);
    nodes.push_back(scale == scales.end()
                        ? quantize::MakePoint(value, to, point)
                        : quantize::MakeLearnedPoint(value, to, point, scale->second));
    graph.values[to] = graph.values[value];
    replaced[value] = to;
  };
  std::vector<Node> before = std::exchange(graph.nodes, {});
  for (const std::string& input : graph.inputs) add_point(input);
  for (Node& node : before) {
    for (std::string& name : node.inputs) {
      if (const auto found = replaced.find(name); found != replaced.end()) name = found->second;
    }
    const std::vector<std::string> outputs = node.outputs;
    const bool moves = quantize::IntegerFormOf(graph, node).form == IntegerForm::passive;
    nodes.push_back(std::move(node));
    for (const std::string& output : outputs) {
      if (!moves && !output.empty() && graph.IsReal(output)) add_point(output);
    }
  }
  graph.nodes = std::move(nodes);
  for (std::string& output : graph.outputs) {
    if (const auto found = replaced.find(output); found != replaced.end()) output = found->second;
  }
}

}  // namespace lutra::converter::train
