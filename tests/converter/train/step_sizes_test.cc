// Which values learn a scale, and which share it: of a graph and a quantization made by hand.
#include "converter/train/step_sizes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "converter/passes/graph_builder.h"
#include "converter/passes/passes.h"
#include "converter/quantize/point.h"

namespace lutra::converter::train {
namespace {

/// x -> a (6 elements) and c (6), concatenated to k; p = Softmax(k), m = p * k.
Graph Moving() {
  passes::GraphBuilder b;
  b.Input("x", {1, 6});
  b.Add("Relu", {"x"}, "a");
  b.Add("Sigmoid", {"x"}, "c");
  b.Add("Concat", {"a", "c"}, "k", {{"axis", int64_t{1}}});
  b.Add("Softmax", {"k"}, "p");
  b.Add("Mul", {"p", "k"}, "m");
  Graph graph = b.Finish({"m"});
  passes::InferShapes(graph);
  return graph;
}

quantize::Quantization Grids(const Graph& graph) {
  quantize::Quantization quantization;
  for (const Node& node : graph.nodes) quantization.integer_nodes.insert(node.Label());
  quantization.activations = {{"x", {0.1F, 3}},    {"a", {0.2F, -128}},       {"c", {0.2F, -128}},
                              {"k", {0.2F, -128}}, {"p", {1.0F / 256, -128}}, {"m", {0.3F, 27}}};
  return quantization;
}

const Node& PointBehind(const Graph& graph, std::string_view value) {
  return *std::ranges::find_if(graph.nodes, [&](const Node& node) {
    return node.inputs[0] == value &&
           (node.op == quantize::kPointOp || node.op == quantize::kLearnedPointOp);
  });
}

}  // namespace

TEST_CASE("what is only moved shares a step, inputs and probabilities have none to learn") {
  const Graph graph = Moving();
  quantize::Quantization quantization = Grids(graph);
  Network network;
  network.graph = graph;
  StepSizes steps(graph, quantization);
  steps.InsertPoints(quantization, network);

  REQUIRE(network.weights.size() == 2);
  TrainedWeight& shared = network.weights[0];
  const Node& a = PointBehind(network.graph, "a");
  CHECK(a.op == quantize::kLearnedPointOp);
  CHECK(a.inputs[1] == shared.name());
  CHECK(PointBehind(network.graph, "c").inputs[1] == shared.name());
  CHECK(PointBehind(network.graph, "m").inputs[1] == network.weights[1].name());
  CHECK(PointBehind(network.graph, "x").op == quantize::kPointOp);
  CHECK(PointBehind(network.graph, "p").op == quantize::kPointOp);
  for (const TrainedWeight& weight : network.weights) {
    CHECK(std::ranges::count(network.graph.inputs, weight.name()) == 1);
    CHECK(!weight.decays());
  }

  // The paper's factor, times the unit: 12 elements, 255 steps above 0; 12 and 100.
  const auto gradient_of = [](const TrainedWeight& weight) {
    return weight.Backward(Tensor::Of({1}, std::vector<float>{1}))[0].ToFloats()[0];
  };
  CHECK(gradient_of(shared) == doctest::Approx(0.2 / std::sqrt(12.0 * 255)));
  CHECK(gradient_of(network.weights[1]) == doctest::Approx(0.3 / std::sqrt(12.0 * 100)));

  shared.latents()[0].values.as<float>()[0] = 2;
  network.weights[1].latents()[0].values.as<float>()[0] = -5;  // stays positive
  steps.Write(network, quantization);
  for (const char* value : {"a", "c", "k"}) {
    CHECK(quantization.activations.at(value) == quantize::QuantParams{0.4F, -128});
  }
  CHECK(quantization.activations.at("m").scale == doctest::Approx(0.0003));
  CHECK(quantization.activations.at("x") == quantize::QuantParams{0.1F, 3});
  CHECK(quantization.activations.at("p").scale == 1.0F / 256);
}

TEST_CASE("an input of Concat that is requantized learns its own step") {
  const Graph graph = Moving();
  quantize::Quantization quantization = Grids(graph);
  quantization.activations["c"] = {0.05F, -128};
  Network network;
  network.graph = graph;
  StepSizes(graph, quantization).InsertPoints(quantization, network);
  CHECK(network.weights.size() == 3);
  CHECK(PointBehind(network.graph, "c").inputs[1] != PointBehind(network.graph, "a").inputs[1]);
}

}  // namespace lutra::converter::train
