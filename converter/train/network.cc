#include "converter/train/network.h"

#include <algorithm>
#include <cmath>

#include "converter/error.h"
#include "converter/graph/operator_table.h"
#include "converter/graph/product.h"
#include "converter/metric.h"
#include "converter/passes/passes.h"
#include "converter/train/random.h"

namespace lutra::converter::train {
namespace {

bool IsRow(const std::vector<int64_t>& dims) {
  return dims.size() >= 2 && dims[0] == 1 && dims[1] > 1 &&
         std::ranges::all_of(dims.begin() + 2, dims.end(), [](int64_t d) { return d == 1; });
}

const std::vector<int64_t>& DimsOf(const Graph& graph, const std::string& value) {
  static const std::vector<int64_t> kNone;
  const ValueInfo* info = graph.Info(value);
  return info == nullptr || !info->dims ? kNone : *info->dims;
}

std::string ChooseOutput(const Graph& graph, const std::string& wanted) {
  std::vector<std::string> rows;
  for (const std::string& output : graph.outputs) {
    if (output == wanted || (wanted.empty() && IsRow(DimsOf(graph, output))))
      rows.push_back(output);
  }
  if (rows.size() == 1) return rows[0];
  std::string all;
  for (const std::string& output : graph.outputs) {
    all += (all.empty() ? "" : ", ") + output + " " + DimsText(DimsOf(graph, output));
  }
  throw Error((rows.empty() ? std::string("no output is a row of scores")
                            : std::string("several outputs are rows of scores")) +
              "; name one with --scores: " + all);
}

/// The value before the Softmax at the end, and what the scores then are.
std::pair<std::string, ScoreKind> BeforeSoftmax(const Graph& graph, std::string value) {
  while (const std::optional<size_t> producer = graph.Producer(value)) {
    const Node& node = graph.nodes[*producer];
    if (node.op == "Softmax" || node.op == "LogSoftmax") {
      const auto rank = static_cast<int64_t>(DimsOf(graph, node.outputs[0]).size());
      const int64_t axis = node.Int("axis", -1);
      const bool classes = IsRow(DimsOf(graph, node.inputs[0])) && (axis == 1 || axis + rank == 1);
      if (classes) return {node.inputs[0], ScoreKind::logits};
      return {value,
              node.op == "Softmax" ? ScoreKind::probabilities : ScoreKind::log_probabilities};
    }
    if (!Is(node, kView)) break;
    value = node.inputs[0];
  }
  return {value, ScoreKind::logits};
}

/// How many products a weight's results add up.
double SumLength(const Graph& graph, const Parameter& parameter, const Tensor& weights) {
  const std::vector<int64_t>& dims = weights.dims();
  const auto elements = static_cast<double>(weights.elements());
  for (const Node& node : graph.nodes) {
    if (node.Input(1) != parameter.name) continue;
    const std::optional<Product> product = ProductOf(node);
    if (product && product->outputs_first) return elements / static_cast<double>(dims[0]);
    if (node.op == "ConvTranspose") {
      const auto groups = static_cast<double>(node.Int("group", 1));
      return elements / static_cast<double>(dims[1]) / groups;
    }
  }
  // [k, n] of a MatMul or Gemm; behind a Transpose it is the other way around.
  const bool transposed = std::ranges::any_of(graph.nodes, [&](const Node& node) {
    return node.op == "Transpose" && node.Input(0) == parameter.name;
  });
  return dims.size() < 2 ? 1
                         : static_cast<double>(transposed ? dims.back() : dims[dims.size() - 2]);
}

}  // namespace

TensorMap Network::Shared() {
  TensorMap shared = statistics;
  for (TrainedWeight& weight : weights) shared.insert_or_assign(weight.name(), weight.Weights());
  return shared;
}

namespace {

/// But for what it ends in.
Network WithInput(Trainable& trainable) {
  Network network;
  network.graph = std::move(trainable.graph);
  if (trainable.inputs.size() != 1) {
    throw Error("has " + std::to_string(trainable.inputs.size()) +
                " inputs; networks with one can be trained");
  }
  network.input = trainable.inputs[0];
  network.input_dims = DimsOf(network.graph, network.input);
  return network;
}

Network EndingInScores(Network network, Trainable& trainable) {
  Graph& graph = network.graph;
  graph.outputs = {network.scores};
  passes::RemoveDeadCode(graph);
  for (const Parameter& parameter : trainable.parameters) {
    Tensor& value = trainable.values.at(parameter.name);
    if (parameter.kind == ParameterKind::statistic) {
      network.statistics.emplace(parameter.name, std::move(value));
    } else {
      network.weights.emplace_back(parameter.name, value, parameter.kind == ParameterKind::weight);
    }
  }
  return network;
}

}  // namespace

Network MakeNetwork(Trainable trainable, const std::string& scores) {
  Network network = WithInput(trainable);
  const std::string output = ChooseOutput(network.graph, scores);
  std::tie(network.scores, network.kind) = BeforeSoftmax(network.graph, output);
  network.classes = static_cast<size_t>(DimsOf(network.graph, output)[1]);
  return EndingInScores(std::move(network), trainable);
}

Network MakeNetworkOf(Trainable trainable, const std::string& output,
                      const std::vector<int64_t>& target) {
  Network network = WithInput(trainable);
  std::vector<NamedShape> outputs;
  for (const std::string& name : network.graph.outputs) {
    outputs.push_back({name, DimsOf(network.graph, name)});
  }
  const size_t chosen =
      converter::ChooseOutput(outputs, 1, output, target, Metric("mse"), "the network");
  network.scores = outputs[chosen].name;
  return EndingInScores(std::move(network), trainable);
}

void MakeFresh(const Graph& graph, const std::vector<Parameter>& parameters, uint64_t seed,
               TensorMap& values) {
  for (size_t p = 0; p < parameters.size(); ++p) {
    const Parameter& parameter = parameters[p];
    const auto reads = [&](const char* op, size_t input) {
      return std::ranges::any_of(graph.nodes, [&](const Node& node) {
        return node.Input(input) == parameter.name && node.op.ends_with(op);
      });
    };
    const auto value = values.at(parameter.name).as<float>();
    switch (parameter.kind) {
      case ParameterKind::weight: {
        const double deviation =
            std::sqrt(2 / SumLength(graph, parameter, values.at(parameter.name)));
        Random random(seed, Purpose::weights, 0, p);
        for (float& x : value) x = static_cast<float>(deviation) * random.Normal();
        break;
      }
      case ParameterKind::bias:
        std::ranges::fill(value, 0.0F);
        break;
      case ParameterKind::normalization:
        std::ranges::fill(value, reads("PRelu", 1)           ? 0.25F
                                 : reads("Normalization", 1) ? 1.0F
                                                             : 0.0F);
        break;
      case ParameterKind::statistic:
        std::ranges::fill(value, reads("Normalization", 4) ? 1.0F : 0.0F);
        break;
    }
  }
}

}  // namespace lutra::converter::train
