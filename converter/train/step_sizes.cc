#include "converter/train/step_sizes.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "converter/quantize/operators.h"
#include "converter/train/points.h"
#include "converter/train/value_rows.h"

namespace lutra::converter::train {
namespace {

using quantize::Quantization;

bool Moves(const Graph& graph, const Node& node) {
  return quantize::IntegerFormOf(graph, node).form == IntegerForm::passive;
}

/// Which values share a scale, by the number of their group.
class Sharing {
 public:
  Sharing(const Graph& graph, const Quantization& quantization) : quantization_(quantization) {
    for (const std::string& input : graph.inputs) Fix(input);
    for (const Node& node : graph.nodes) {
      for (const std::string& output : node.outputs) {
        if (quantization.Params(output) == nullptr) continue;
        group_.emplace(output, order_.size());
        order_.push_back(output);
      }
      if (node.op == "Softmax") Fix(node.outputs[0]);
      if (quantization.IsInteger(node) && Moves(graph, node)) Join(graph, node);
    }
  }

  std::vector<std::vector<std::string>> Learned() const {
    std::map<size_t, std::vector<std::string>> groups;
    for (const std::string& value : order_) groups[group_.at(value)].push_back(value);
    for (const std::string& value : fixed_) groups.erase(group_.at(value));
    std::vector<std::vector<std::string>> learned;
    for (auto& [number, values] : groups) learned.push_back(std::move(values));
    return learned;
  }

 private:
  void Fix(const std::string& value) {
    if (quantization_.Params(value) == nullptr) return;
    if (group_.emplace(value, order_.size()).second) order_.push_back(value);
    fixed_.insert(value);
  }

  // What has other parameters than the output is requantized on the way (of Concat).
  void Join(const Graph& graph, const Node& node) {
    for (const std::string& output : node.outputs) {
      for (const std::string& input : quantize::ActivationInputs(graph, node)) {
        const quantize::QuantParams* from = quantization_.Params(input);
        const quantize::QuantParams* to = quantization_.Params(output);
        if (from == nullptr || to == nullptr || !(*from == *to)) continue;
        const size_t kept = group_.at(input), joined = group_.at(output);
        for (auto& [value, number] : group_) {
          if (number == joined) number = kept;
        }
      }
    }
  }

  const Quantization& quantization_;
  std::vector<std::string> order_;
  std::map<std::string, size_t> group_;
  std::set<std::string> fixed_;
};

}  // namespace

StepSizes::StepSizes(const Graph& laid_out, const Quantization& quantization) {
  for (std::vector<std::string>& values : Sharing(laid_out, quantization).Learned()) {
    groups_.push_back({std::move(values), ""});
  }
}

void StepSizes::InsertPoints(const Quantization& quantization, Network& network) {
  Graph& graph = network.graph;
  std::set<std::string> made;
  for (const Node& node : graph.nodes) {
    if (Moves(graph, node)) continue;
    made.insert(node.outputs.begin(), node.outputs.end());
  }
  std::map<std::string, std::string> learned;
  for (Group& group : groups_) {
    double elements = 0;
    for (const std::string& value : group.values) {
      if (made.contains(value)) elements += static_cast<double>(Elements(graph, value));
    }
    if (elements == 0) continue;
    const quantize::QuantParams params = *quantization.Params(group.values[0]);
    group.parameter = graph.FreshName(group.values[0] + "/step");
    graph.values[group.parameter] = {DataType::float32, std::vector<int64_t>{1}};
    graph.inputs.push_back(group.parameter);
    for (const std::string& value : group.values) learned[value] = group.parameter;
    // Steps from 0 to the upper end: Q_P of the paper.
    const double steps = std::max(1, 127 - params.zero_point);
    TrainedWeight step(group.parameter, Tensor::Of({1}, std::vector<float>{params.scale}), false,
                       {}, {params.scale});
    step.SetStep(static_cast<float>(1 / std::sqrt(elements * steps)));
    network.weights.push_back(std::move(step));
  }
  train::InsertPoints(quantization, graph, learned);
}

void StepSizes::Write(Network& network, Quantization& quantization) const {
  for (const Group& group : groups_) {
    if (group.parameter.empty()) continue;
    const float scale = std::ranges::find(network.weights, group.parameter, &TrainedWeight::name)
                            ->Weights()
                            .as<float>()[0];
    for (const std::string& value : group.values) quantization.activations.at(value).scale = scale;
  }
}

}  // namespace lutra::converter::train
