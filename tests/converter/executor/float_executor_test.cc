// FloatExecutor: values, observer, clamp, dynamic batch, what it keeps, and its errors.
#include <doctest/doctest.h>

#include <set>

#include "converter/error.h"
#include "converter/executor/operator.h"
#include "tests/converter/executor/support.h"

namespace lutra::converter::executor {
namespace {

/// y = Relu6(x * w + b) as a Gemm with a clamp; z = y + y.
Graph SmallGraph() {
  Graph graph;
  graph.inputs = {"x"};
  graph.outputs = {"z"};
  graph.initializers["w"] = Tensor::Of({2, 3}, Floats{1, 0, -1, 2, 1, 1});
  graph.initializers["b"] = Tensor::Of({3}, Floats{0, 1, 2});
  Node gemm = MakeNode("Gemm", {"x", "w", "b"}, {"y"});
  gemm.clamp = Clamp{0, 6};
  graph.nodes = {gemm, MakeNode("Add", {"y", "y"}, {"z"})};
  return graph;
}

std::string MessageOf(const auto& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("Values are computed, clamped and shown to the observer") {
  const Graph graph = SmallGraph();
  FloatExecutor executor(graph);
  std::map<std::string, Floats> seen;
  const TensorMap outputs = executor.Run({{"x", Tensor::Of({1, 2}, Floats{3, 4})}},
                                         [&](const std::string& name, const Tensor& value) {
                                           CHECK(seen.emplace(name, value.ToFloats()).second);
                                         });
  // 3 * {1, 0, -1} + 4 * {2, 1, 1} + {0, 1, 2} = {11, 5, 3}
  CHECK(seen.at("x") == Floats{3, 4});
  CHECK(seen.at("y") == Floats{6, 5, 3});
  CHECK(seen.at("z") == Floats{12, 10, 6});
  CHECK(seen.size() == 3);
  CHECK(outputs.size() == 1);
  CHECK(outputs.at("z").ToFloats() == Floats{12, 10, 6});
}

TEST_CASE("The batch may change from run to run, and back") {
  const Graph graph = SmallGraph();
  FloatExecutor executor(graph);
  for (const int64_t batch : {1, 3, 2, 7, 1, 5, 3}) {
    const Tensor x = Random({batch, 2}, 7);
    const Floats in = x.ToFloats();
    const TensorMap outputs = executor.Run({{"x", x}});
    const Tensor& z = outputs.at("z");
    REQUIRE(z.dims() == Int64s{batch, 3});
    for (int64_t i = 0; i < batch; ++i) {
      const float a = in[2 * i], b = in[2 * i + 1];
      const float expected[] = {a + 2 * b, b + 1, b - a + 2};
      for (int64_t j = 0; j < 3; ++j) {
        const float clamped = 2 * std::min(std::max(expected[j], 0.0f), 6.0f);
        CHECK(z.as<float>()[3 * i + j] == doctest::Approx(clamped).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("A constant that is an output, and an input that is an output") {
  Graph graph;
  graph.inputs = {"x"};
  graph.outputs = {"x", "c"};
  graph.initializers["c"] = Scalar(5);
  FloatExecutor executor(graph);
  const TensorMap outputs = executor.Run({{"x", Scalar(3)}});
  CHECK(outputs.at("x").ToFloats() == Floats{3});
  CHECK(outputs.at("c").ToFloats() == Floats{5});
}

TEST_CASE("A clamp applies to every operator, to its first output") {
  Node node = MakeNode("Neg", {"x"}, {"y"});
  node.clamp = Clamp{-1, 2};
  const Tensor y = ExecuteNode(node, {Tensor::Of({4}, Floats{-5, -1, 0.5f, 3})}).at(0);
  CHECK(y.ToFloats() == Floats{2, 1, -0.5f, -1});
  node.op = "Abs";
  const std::vector<Tensor> integers = {Ints({1})};
  CHECK(MessageOf([&] { ExecuteNode(node, integers); }) ==
        "node 'y' (Abs): a clamp is only defined on float32, not on int64");
}

TEST_CASE("A convolution fuses its clamp") {
  const Tensor x = Random({1, 3, 8, 8}, 1), w = Random({4, 3, 3, 3}, 2);
  Node node = MakeNode("Conv", {"x", "w"}, {"y"});
  Tensor expected = ExecuteNode(node, {x, w}).at(0);
  node.clamp = Clamp{-0.25f, 0.5f};
  const Tensor clamped = ExecuteNode(node, {x, w}).at(0);
  int at_bounds = 0;
  for (size_t i = 0; i < expected.elements(); ++i) {
    const float y = std::min(std::max(expected.as<float>()[i], -0.25f), 0.5f);
    at_bounds += y == 0.5f || y == -0.25f;
    CHECK(clamped.as<float>()[i] == doctest::Approx(y).epsilon(1e-5));
  }
  CHECK(at_bounds > 0);
}

TEST_CASE("What a node keeps is bounded, whatever the number of shapes") {
  NodeCache cache;
  const Tensor w = Random({4, 3, 3}, 2);
  const Node node = MakeNode("Conv", {"x", "w"}, {"y"});
  for (int64_t length = 3; length < 40; ++length) {
    const Tensor x = Random({1, 3, length}, 1);
    const Results kept = Execute({node, {&x, &w}, {false, true}, cache});
    CHECK(cache.size() <= 4);
    CHECK(kept.at(0).ToFloats() == ExecuteNode(node, {x, w}).at(0).ToFloats());
  }
}

TEST_CASE("Every unsupported node is named at once") {
  Graph graph = SmallGraph();
  graph.nodes.push_back(MakeNode("Einsum", {"z"}, {"first"}));
  graph.nodes.push_back(MakeNode("Pad", {"z", "b"}, {"second"}, {{"mode", std::string("odd")}}));
  CHECK(MessageOf([&] { FloatExecutor executor(graph); }) ==
        "cannot execute the graph: node 'first' (Einsum): operator Einsum is not implemented; "
        "node 'second' (Pad): mode 'odd' is unknown");
}

TEST_CASE("Errors name the node and the cause") {
  const Graph graph = SmallGraph();
  FloatExecutor executor(graph);
  CHECK(MessageOf([&] { executor.Run({}); }) == "input 'x' is not given");
  CHECK(MessageOf([&] {
          executor.Run({{"x", Random({1, 5}, 1)}});
        }) == "node 'y' (Gemm): shapes 1x5 and 2x3 do not multiply");
  const auto message = [](const std::string& op, const std::vector<Tensor>& inputs,
                          std::map<std::string, Attribute> attributes = {}) {
    return MessageOf([&] { RunNode(op, inputs, std::move(attributes)); });
  };
  CHECK(message("Add", {Random({2, 3}, 1), Random({4}, 1)}) ==
        "node 'y' (Add): shapes 2x3 and 4 do not broadcast");
  CHECK(message("Add", {Random({2, 3}, 1)}) == "node 'y' (Add): input 1 is missing");
  CHECK(message("Gather", {Random({3}, 1), Ints({3})}) ==
        "node 'y' (Gather): index 3 is outside an axis of 3");
  CHECK(message("Softmax", {Random({3}, 1)}, {{"axis", int64_t{1}}}) ==
        "node 'y' (Softmax): axis 1 is outside a tensor of 1 axes");
  CHECK(message("Div", {Ints({1}), Ints({0})}) == "node 'y' (Div): integer division by zero");
  CHECK(message("Conv", {Random({1, 3, 4}, 1), Random({2, 2, 3}, 1)}) ==
        "node 'y' (Conv): weights of 2x2x3 and group 1 do not fit an input of 3 channels and 3 "
        "axes");
  CHECK(message("Pad", {Random({3}, 1), Ints({INT64_MAX, 0})}) ==
        "node 'y' (Pad): a pad is out of range");
  CHECK(message("Tile", {Random({1024}, 1), Ints({int64_t{1} << 24})}) ==
        "node 'y' (Tile): a tensor of 17179869184 is too large");
  CHECK(message("MaxPool", {Random({1, 1, 4}, 1)}, {{"kernel_shape", Int64s{5}}}) ==
        "node 'y' (MaxPool): a window of 5 does not fit an axis of 4 with its pads");
}

}  // namespace
}  // namespace lutra::converter::executor
