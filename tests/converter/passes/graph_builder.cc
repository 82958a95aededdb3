#include "converter/passes/graph_builder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "converter/executor/float_executor.h"

namespace lutra::converter::passes {
namespace {

template <typename Distribution>
Tensor Draw(std::vector<int64_t> dims, std::mt19937& random, Distribution distribution) {
  std::vector<float> values(ElementCount(dims));
  for (float& value : values) value = distribution(random);
  return Tensor::Of(std::move(dims), std::move(values));
}

}  // namespace

std::string GraphBuilder::Input(const std::string& name, std::vector<int64_t> dims, DataType type) {
  graph_.inputs.push_back(name);
  graph_.values[name] = {type, std::move(dims)};
  return name;
}

std::string GraphBuilder::Constant(const std::string& name, Tensor tensor) {
  graph_.values[name] = {tensor.type(), tensor.dims()};
  graph_.initializers.emplace(name, std::move(tensor));
  return name;
}

std::string GraphBuilder::Weights(const std::string& name, std::vector<int64_t> dims) {
  return Constant(name, Draw(std::move(dims), random_, std::normal_distribution<float>()));
}

std::string GraphBuilder::Positive(const std::string& name, std::vector<int64_t> dims) {
  return Constant(
      name, Draw(std::move(dims), random_, std::uniform_real_distribution<float>(0.5F, 1.5F)));
}

std::string GraphBuilder::Floats(const std::string& name, std::vector<int64_t> dims,
                                 std::vector<float> values) {
  return Constant(name, Tensor::Of(std::move(dims), std::move(values)));
}

std::string GraphBuilder::Ints(const std::string& name, std::vector<int64_t> values) {
  const auto count = static_cast<int64_t>(values.size());
  return Constant(name, Tensor::Of({count}, std::move(values)));
}

std::string GraphBuilder::Add(const std::string& op, std::vector<std::string> inputs,
                              const std::string& output,
                              std::map<std::string, Attribute> attributes) {
  Node node;
  node.op = op;
  node.inputs = std::move(inputs);
  node.outputs = {output};
  node.attributes = std::move(attributes);
  graph_.nodes.push_back(std::move(node));
  return output;
}

Graph GraphBuilder::Finish(std::vector<std::string> outputs) {
  graph_.outputs = std::move(outputs);
  graph_.Check();
  return graph_;
}

std::vector<std::string> Ops(const Graph& graph) {
  std::vector<std::string> ops;
  for (const Node& node : graph.nodes) ops.push_back(node.op);
  return ops;
}

size_t Count(const Graph& graph, const std::string& op) {
  return static_cast<size_t>(std::ranges::count(graph.nodes, op, &Node::op));
}

const Node& NodeOf(const Graph& graph, const std::string& output) {
  const auto index = graph.Producer(output);
  REQUIRE_MESSAGE(index, output);
  return graph.nodes[*index];
}

double LargestDifference(const Graph& before, const Graph& after, uint32_t seed) {
  after.Check();
  REQUIRE(before.inputs == after.inputs);
  REQUIRE(before.outputs == after.outputs);
  std::mt19937 random(seed);
  executor::TensorMap original, widened;
  for (const std::string& input : before.inputs) {
    const Tensor tensor =
        Draw(*before.Info(input)->dims, random, std::normal_distribution<float>());
    original[input] = tensor.Cast(before.Info(input)->type);
    widened[input] = tensor.Cast(after.Info(input)->type);
  }
  const executor::TensorMap expected = executor::FloatExecutor(before).Run(original);
  const executor::TensorMap actual = executor::FloatExecutor(after).Run(widened);
  double largest = 0;
  for (const auto& [name, tensor] : expected) {
    REQUIRE(tensor.dims() == actual.at(name).dims());
    const std::vector<float> a = tensor.ToFloats(), b = actual.at(name).ToFloats();
    double magnitude = 1e-30, difference = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      REQUIRE(std::isfinite(b[i]));
      magnitude = std::max(magnitude, std::fabs(static_cast<double>(a[i])));
      difference = std::max(difference, std::fabs(static_cast<double>(a[i]) - b[i]));
    }
    largest = std::max(largest, difference / magnitude);
  }
  return largest;
}

}  // namespace lutra::converter::passes
