// Balanced channels change no result, in either layout; what becomes of them.
#include "converter/quantize/balance.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "converter/executor/float_executor.h"

namespace lutra::converter::quantize {
namespace {

std::vector<float> Random(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& x : values) x = static_cast<float>(random() % 2001) / 1000.0F - 1.0F;
  return values;
}

Node NodeOf(const std::string& op, std::vector<std::string> inputs, const std::string& output,
            Layout layout) {
  Node node;
  node.op = op;
  node.inputs = std::move(inputs);
  node.outputs = {output};
  node.layout = layout;
  return node;
}

std::vector<int64_t> Image(Layout layout, int64_t channels) {
  return layout == Layout::nhwc ? std::vector<int64_t>{1, 5, 4, channels}
                                : std::vector<int64_t>{1, channels, 5, 4};
}

// A convolution to four channels, `op` (or a clamp) and a depthwise one of multiplier 2.
Graph Network(Layout layout, const std::string& op, std::optional<Clamp> clamp) {
  Graph graph;
  graph.inputs = {"x"};
  graph.outputs = {"y"};
  graph.initializers["w"] = Tensor::Of({4, 3, 1, 1}, Random(12, 1));
  graph.initializers["b"] = Tensor::Of({4}, Random(4, 2));
  graph.initializers["d"] = Tensor::Of({8, 1, 3, 3}, Random(72, 3));
  graph.values["x"] = {DataType::float32, Image(layout, 3)};
  for (const char* value : {"c", "f"}) graph.values[value] = {DataType::float32, Image(layout, 4)};
  graph.nodes = {NodeOf("Conv", {"x", "w", "b"}, "c", layout)};
  graph.nodes[0].clamp = clamp;
  if (!op.empty()) graph.nodes.push_back(NodeOf(op, {"c"}, "f", Layout::nchw));
  graph.nodes.push_back(NodeOf("Conv", {op.empty() ? "c" : "f", "d"}, "y", layout));
  graph.nodes.back().attributes["group"] = int64_t{4};
  graph.nodes.back().attributes["pads"] = std::vector<int64_t>{1, 1, 1, 1};
  return graph;
}

std::vector<float> Run(const Graph& graph) {
  const std::vector<int64_t> dims = *graph.Info("x")->dims;
  executor::FloatExecutor executor(graph);
  return executor.Run({{"x", Tensor::Of(dims, Random(60, 9))}}).at("y").ToFloats();
}

TEST_CASE("the network computes what it did") {
  const struct {
    const char* op;
    std::optional<Clamp> clamp;
    bool in_weights;
  } kCases[] = {{"", std::nullopt, true},
                {"", Clamp{0, INFINITY}, true},
                {"", Clamp{0, 0.5F}, false},
                {"LeakyRelu", std::nullopt, true},
                {"Silu", std::nullopt, false}};
  for (const auto& [op, clamp, in_weights] : kCases) {
    for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
      CAPTURE(op);
      Graph graph = Network(layout, op, clamp);
      const std::vector<float> before = Run(graph);
      const std::string value = *op == '\0' ? "c" : "f";
      const auto muls = ApplyFactors({{value, {1.0F, 7.0F, 90.0F, 1.5F}}}, graph);
      graph.Check();
      CHECK(muls.empty() == in_weights);
      const std::vector<float> after = Run(graph);
      REQUIRE(after.size() == before.size());
      for (size_t i = 0; i < after.size(); ++i) {
        CHECK(after[i] == doctest::Approx(before[i]).epsilon(1e-5));
      }
    }
  }
}

}  // namespace
}  // namespace lutra::converter::quantize
