#include "converter/quantize/formats.h"

#include <doctest/doctest.h>

#include "converter/quantize/operators.h"
#include "converter/quantize/range.h"

namespace lutra::converter::quantize {
namespace {

Node MakeNode(const std::string& op, std::vector<std::string> inputs,
              std::vector<std::string> outputs) {
  Node node;
  node.op = op;
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  node.layout = Layout::nhwc;
  return node;
}

struct Example {
  Graph graph;
  Quantization quantization;
  std::map<std::string, Range> ranges;

  void Add(Node node) {
    quantization.schemes[node.Label()] = LayerScheme{};
    graph.nodes.push_back(std::move(node));
  }
  void Assign() {
    AssignActivations(graph, ChooseFormats(graph, quantization), ranges, quantization);
  }
  QuantParams Params(const std::string& value) const { return quantization.activations.at(value); }
};

TEST_CASE("operators without arithmetic share parameters over the union of their ranges") {
  Example e;
  e.graph.inputs = {"x"};
  e.graph.outputs = {"z"};
  e.Add(MakeNode("MaxPool", {"x"}, {"p"}));
  e.Add(MakeNode("Reshape", {"p", "shape"}, {"r"}));
  e.Add(MakeNode("Add", {"r", "r"}, {"z"}));
  e.ranges = {{"x", {-1, 2}}, {"p", {0, 2}}, {"r", {0, 2}}, {"z", {0, 4}}};
  e.Assign();
  CHECK(e.Params("x") == ParamsOf({-1, 2}));
  CHECK(e.Params("p") == e.Params("x"));
  CHECK(e.Params("r") == e.Params("x"));
  CHECK(e.Params("z") == ParamsOf({0, 4}));
}

TEST_CASE("a fused Relu makes the range start at 0 and its zero point -128") {
  Example e;
  e.graph.inputs = {"x"};
  Node add = MakeNode("Add", {"x", "x"}, {"y"});
  add.clamp = Clamp{0, 6};
  e.Add(add);
  e.ranges = {{"x", {-3, 3}}, {"y", {-6, 8}}};
  e.Assign();
  CHECK(e.Params("y") == ParamsOf({0, 6}));
  CHECK(e.Params("y").zero_point == -128);
}

TEST_CASE("Softmax: steps of a power of two that hold the largest probability seen") {
  const auto scale = [](double largest) { return ProbabilityParams(largest).scale; };
  CHECK(ProbabilityParams(0.9) == QuantParams{1.0F / 256, -128});
  CHECK(scale(1) == 1.0F / 256);
  CHECK(scale(0) == 1.0F / 256);  // nothing was seen
  CHECK(scale(0.51) == 1.0F / 256);
  CHECK(scale(0.5) == 1.0F / 512);
  CHECK(scale(0.26) == 1.0F / 512);
  CHECK(scale(0.004) == 1.0F / 32768);  // 1/128 holds it, 1/256 = 0.0039 does not
  CHECK(scale(1e-30) == 0x1p-32F);
}

TEST_CASE("Softmax has parameters of its own, and a Concat with other values keeps its own") {
  Example e;
  e.graph.inputs = {"x"};
  e.graph.outputs = {"c"};
  e.Add(MakeNode("Softmax", {"x"}, {"s"}));
  e.Add(MakeNode("Add", {"x", "x"}, {"b"}));
  e.Add(MakeNode("Concat", {"s", "b"}, {"c"}));
  e.ranges = {{"x", {-4, 4}}, {"s", {0, 1}}, {"b", {-8, 8}}, {"c", {-8, 8}}};
  e.Assign();
  CHECK(e.Params("s") == QuantParams{1.0F / 256, -128});
  CHECK(e.Params("b") == e.Params("c"));
  CHECK(e.Params("c") == ParamsOf({-8, 8}));
}

TEST_CASE("an input of Concat that others read keeps its finer scale") {
  Example e;
  e.graph.inputs = {"x", "w"};
  e.graph.outputs = {"c", "y"};
  e.Add(MakeNode("Concat", {"x", "w"}, {"c"}));
  e.Add(MakeNode("Add", {"x", "x"}, {"y"}));
  e.ranges = {{"x", {0, 1}}, {"w", {0, 10}}, {"c", {0, 10}}, {"y", {0, 2}}};
  e.Assign();
  CHECK(e.Params("x") == ParamsOf({0, 1}));
  CHECK(e.Params("w") == e.Params("c"));
}

TEST_CASE("what has no integer form stays float with a reason; a final Softmax without") {
  Example e;
  e.graph.inputs = {"x"};
  e.graph.outputs = {"s"};
  e.Add(MakeNode("Add", {"x", "x"}, {"a"}));
  e.Add(MakeNode("Div", {"a", "x"}, {"d"}));
  e.Add(MakeNode("Add", {"d", "a"}, {"e"}));
  e.Add(MakeNode("Softmax", {"e"}, {"s"}));
  ChooseFormats(e.graph, e.quantization);
  CHECK(e.quantization.integer_nodes == std::set<std::string>{"a", "e"});
  CHECK(e.quantization.float_reason.size() == 1);
  CHECK(e.quantization.float_reason.at("d") == "Div of two tensors has no integer form");
}

}  // namespace
}  // namespace lutra::converter::quantize
