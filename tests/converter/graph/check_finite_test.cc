// Which constants are refused, under which name and element, and where infinity is a number.
#include "converter/graph/check_finite.h"

#include <doctest/doctest.h>

#include <limits>

#include "converter/error.h"

namespace lutra::converter {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Node MakeNode(const std::string& op, std::vector<std::string> inputs, const std::string& output) {
  Node node;
  node.op = op;
  node.inputs = std::move(inputs);
  node.outputs = {output};
  return node;
}

/// y = the last node's output; c: a constant of these values.
Graph WithConstant(Tensor constant, std::vector<Node> nodes) {
  Graph graph;
  graph.inputs = {"x"};
  graph.outputs = {"y"};
  graph.initializers["c"] = std::move(constant);
  graph.nodes = std::move(nodes);
  return graph;
}

Tensor FloatTensor(std::vector<float> values) {
  const auto count = static_cast<int64_t>(values.size());
  return Tensor::Of({count}, std::move(values));
}

std::string Refusal(const Graph& graph, const Origins& origins = {}) {
  try {
    CheckFinite(graph, origins);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

constexpr char kCure[] = ": export the network again from a checkpoint whose numbers are finite";

TEST_CASE("NaN is refused by name and element, whatever reads it") {
  const Tensor weights = Tensor::Of({2, 3}, std::vector<float>{0, 1, 2, 3, kNan, 5});
  for (const char* op : {"Gemm", "Where", "Max", "Reshape", "Clip"}) {
    CAPTURE(op);
    CHECK(Refusal(WithConstant(weights, {MakeNode(op, {"x", "c"}, "y")})) ==
          "initializer 'c' is NaN at [1, 1]; node 'y' (" + std::string(op) +
              ") calculates with it" + kCure);
  }
  // Nobody reads it.
  CHECK(Refusal(WithConstant(weights, {MakeNode("Relu", {"x"}, "y")})) == "");
  // The output itself.
  Graph graph = WithConstant(weights, {});
  graph.outputs = {"c"};
  CHECK(Refusal(graph) == "initializer 'c' is NaN at [1, 1]; it is an output" + std::string(kCure));
}

TEST_CASE("every floating type is judged as the float32 it becomes") {
  const std::vector<Node> nodes = {MakeNode("Mul", {"x", "c"}, "y")};
  const auto refused = [&](DataType type, const std::vector<float>& values) {
    return !Refusal(WithConstant(FloatTensor(values).Cast(type), nodes)).empty();
  };
  for (const DataType type :
       {DataType::float32, DataType::float64, DataType::float16, DataType::bfloat16}) {
    CAPTURE(DataTypeName(type));
    CHECK(refused(type, {1, kNan}));
    CHECK(refused(type, {1, kInf}));
    CHECK_FALSE(refused(type, {1, -2, 0, 1e-6F}));
  }
  Tensor large(DataType::float64, {2});
  large.as<double>()[1] = 1e300;
  CHECK(Refusal(WithConstant(large, nodes)) ==
        "initializer 'c' is 1e+300 at [1], which float32 cannot hold; node 'y' (Mul) calculates "
        "with it" +
            std::string(kCure));
  Tensor integers(DataType::int64, {1});
  integers.as<int64_t>()[0] = -1;
  CHECK(Refusal(WithConstant(integers, nodes)) == "");
}

TEST_CASE("infinity is a number to operators that choose") {
  const auto refused = [](float value, std::vector<Node> nodes) {
    return !Refusal(WithConstant(FloatTensor({0, value}), std::move(nodes))).empty();
  };
  // A mask added before Softmax, through operators that only move it.
  const std::vector<Node> mask = {MakeNode("Unsqueeze", {"c", "axes"}, "m"),
                                  MakeNode("Add", {"x", "m"}, "s"),
                                  MakeNode("Softmax", {"s"}, "y")};
  CHECK_FALSE(refused(-kInf, mask));
  CHECK(refused(kInf, mask));  // exp(inf) / exp(inf)
  CHECK_FALSE(refused(kInf, {MakeNode("Sub", {"x", "c"}, "s"), MakeNode("Softmax", {"s"}, "y")}));
  CHECK_FALSE(refused(
      -kInf, {MakeNode("Where", {"b", "c", "x"}, "s"), MakeNode("LogSoftmax", {"s"}, "y")}));
  // Padding before a maximum.
  const std::vector<Node> pad = {MakeNode("Pad", {"x", "pads", "c"}, "p"),
                                 MakeNode("MaxPool", {"p"}, "y")};
  CHECK_FALSE(refused(-kInf, pad));
  CHECK(refused(-kInf, {pad[0], MakeNode("Conv", {"p", "w"}, "y")}));
  // Limits that are none.
  CHECK_FALSE(refused(-kInf, {MakeNode("Clip", {"x", "c"}, "y")}));
  CHECK_FALSE(refused(kInf, {MakeNode("Clip", {"x", "", "c"}, "y")}));
  CHECK(refused(kInf, {MakeNode("Clip", {"x", "c"}, "y")}));
  // A bias is no mask.
  CHECK(refused(-kInf, {MakeNode("Add", {"x", "c"}, "y")}));
  CHECK(refused(-kInf, {MakeNode("Add", {"x", "c"}, "s"), MakeNode("Relu", {"s"}, "y")}));
  for (const char* op : {"Conv", "Mul", "Div", "MatMul", "Pow", "PRelu"}) {
    CAPTURE(op);
    CHECK(refused(-kInf, {MakeNode(op, {"x", "c"}, "y")}));
  }
}

TEST_CASE("attributes are numbers") {
  Node node = MakeNode("LeakyRelu", {"x"}, "y");
  node.attributes["alpha"] = kNan;
  CHECK(Refusal(WithConstant(FloatTensor({0}), {node})) ==
        "node 'y' (LeakyRelu): attribute 'alpha' is NaN" + std::string(kCure));
  node.attributes["alpha"] = 0.1F;
  CHECK(Refusal(WithConstant(FloatTensor({0}), {node})) == "");
  // What a ConstantOfShape makes counts by its readers.
  Node filled = MakeNode("ConstantOfShape", {"shape"}, "f");
  filled.attributes["value"] = FloatTensor({-kInf});
  const Node product = MakeNode("Mul", {"x", "f"}, "y"), choice = MakeNode("Max", {"x", "f"}, "y");
  CHECK(Refusal(WithConstant(FloatTensor({0}), {filled, product})) ==
        "node 'f' (ConstantOfShape): attribute 'value' is -Inf at [0]; node 'y' (Mul) calculates "
        "with it" +
            std::string(kCure));
  CHECK(Refusal(WithConstant(FloatTensor({0}), {filled, choice})) == "");
}

TEST_CASE("constants of passes say what they were computed from") {
  const Graph graph = WithConstant(FloatTensor({kNan}), {MakeNode("Mul", {"x", "c"}, "y")});
  CHECK(Refusal(graph, {{"c", "node 'c' (Sqrt) from 'var'"}}) ==
        "initializer 'c' is NaN at [0], computed by node 'c' (Sqrt) from 'var'; node 'y' (Mul) "
        "calculates with it" +
            std::string(kCure));
}

struct BatchNorm {
  float scale = 1, bias = 0, mean = 0, variance = 1, epsilon = 1e-5F;
};

std::string RefusalOf(const BatchNorm& norm) {
  Graph graph;
  graph.inputs = {"x"};
  graph.outputs = {"y"};
  graph.initializers["g"] = FloatTensor({1, norm.scale});
  graph.initializers["b"] = FloatTensor({0, norm.bias});
  graph.initializers["m"] = FloatTensor({0, norm.mean});
  graph.initializers["v"] = FloatTensor({1, norm.variance});
  Node node = MakeNode("BatchNormalization", {"x", "g", "b", "m", "v"}, "y");
  node.attributes["epsilon"] = norm.epsilon;
  graph.nodes = {node};
  return Refusal(graph);
}

TEST_CASE("a BatchNormalization divides by a positive deviation and stays inside float32") {
  CHECK(RefusalOf({}) == "");
  CHECK(RefusalOf({.variance = 0}) == "");
  CHECK(RefusalOf({.scale = 1e30F, .variance = 1e10F}) == "");
  CHECK(RefusalOf({.variance = -0.5F}) ==
        "initializer 'v' is -0.5 at [1], and node 'y' (BatchNormalization) divides by the square "
        "root of it plus epsilon 1e-05" +
            std::string(kCure));
  CHECK(RefusalOf({.variance = 0, .epsilon = 0}).starts_with("initializer 'v' is 0 at [1]"));
  CHECK(RefusalOf({.scale = 1e35F, .variance = 1e-12F, .epsilon = 0}) ==
        "initializer 'g' is 1e+35 at [1], and node 'y' (BatchNormalization) makes a factor of "
        "1e+41 of it, which float32 cannot hold ('v' there is 1e-12)" +
            std::string(kCure));
  CHECK(
      RefusalOf({.scale = 1e20F, .mean = -1e20F}).starts_with("initializer 'm' is -1e+20 at [1]"));
}

TEST_CASE("values computed from data") {
  CHECK_THROWS_WITH_AS(RefuseNan("h", Tensor::Of({1, 2}, std::vector<float>{0, kNan}), "a.npy"),
                       "value 'h' is NaN at [0, 1] for sample a.npy", Error);
  CHECK_NOTHROW(RefuseNan("h", FloatTensor({kInf, 0}), "a.npy"));
}

}  // namespace
}  // namespace lutra::converter
