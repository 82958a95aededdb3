// NaN stays NaN through every operator that could lose it in a comparison, so that whoever watches
// the values finds it.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "converter/executor/float_executor.h"

namespace lutra::converter::executor {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Node NodeOf(const std::string& op, std::map<std::string, Attribute> attributes = {}) {
  Node node;
  node.op = op;
  node.outputs = {"y"};
  node.attributes = std::move(attributes);
  return node;
}

std::vector<float> Run(Node node, const std::vector<Tensor>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) node.inputs.push_back("i" + std::to_string(i));
  return ExecuteNode(node, inputs)[0].ToFloats();
}

TEST_CASE("functions of one value") {
  const Tensor x = Tensor::Of({3}, std::vector<float>{1, kNan, -1});
  for (const char* op :
       {"Relu", "LeakyRelu", "Elu", "Celu", "Selu", "ThresholdedRelu", "Shrink", "HardSigmoid",
        "HardSwish", "Gelu", "Softplus", "Sign", "Clip", "Sigmoid", "Tanh", "Abs", "Mish"}) {
    CAPTURE(op);
    const std::vector<float> y = Run(NodeOf(op), {x});
    CHECK(std::isnan(y[1]));
    CHECK_FALSE(std::isnan(y[0]));
    CHECK_FALSE(std::isnan(y[2]));
  }
}

TEST_CASE("maxima and minima, NaN on either side and at every place") {
  const Tensor numbers = Tensor::Of({3}, std::vector<float>{1, 2, 3});
  for (size_t at = 0; at < 3; ++at) {
    std::vector<float> values = {1, 2, 3};
    values[at] = kNan;
    const Tensor x = Tensor::Of({3}, values);
    for (const char* op : {"Max", "Min"}) {
      CHECK(std::isnan(Run(NodeOf(op), {x, numbers})[at]));
      CHECK(std::isnan(Run(NodeOf(op), {numbers, x})[at]));
    }
    for (const char* op : {"ReduceMax", "ReduceMin", "ReduceLogSumExp", "ReduceMean"}) {
      CAPTURE(op);
      CHECK(std::isnan(Run(NodeOf(op), {x})[0]));
    }
  }
}

TEST_CASE("pooling and softmax") {
  for (size_t at = 0; at < 16; ++at) {
    std::vector<float> values(16, 1);
    values[at] = kNan;
    const Tensor x = Tensor::Of({1, 1, 4, 4}, values);
    const std::vector<int64_t> two = {2, 2};
    const std::vector<float> y =
        Run(NodeOf("MaxPool", {{"kernel_shape", two}, {"strides", two}}), {x});
    const size_t window = at / 8 * 2 + at % 4 / 2;
    for (size_t i = 0; i < 4; ++i) CHECK(std::isnan(y[i]) == (i == window));
    CHECK(std::isnan(Run(NodeOf("GlobalAveragePool"), {x})[0]));
    // Lines along axis 2: columns.
    const std::vector<float> z = Run(NodeOf("Softmax", {{"axis", int64_t{2}}}), {x});
    for (size_t i = 0; i < 16; ++i) CHECK(std::isnan(z[i]) == (i % 4 == at % 4));
  }
  // A mask of minus infinity is none.
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(Run(NodeOf("Softmax"), {Tensor::Of({1, 2}, std::vector<float>{0, -inf})}) ==
        std::vector<float>{1, 0});
}

TEST_CASE("a convolution with a clamp") {
  const Tensor x = Tensor::Of({1, 1, 1, 2}, std::vector<float>{1, kNan});
  const Tensor w = Tensor::Of({1, 1, 1, 1}, std::vector<float>{3});
  Node conv = NodeOf("Conv");
  conv.clamp = Clamp{0, 2};
  const std::vector<float> y = Run(conv, {x, w});
  CHECK(y[0] == 2);
  CHECK(std::isnan(y[1]));
}

TEST_CASE("no integer stands for NaN") {
  Node quantize = NodeOf("QuantizeLinear");
  CHECK_THROWS_WITH(Run(quantize, {Tensor::Of({1}, std::vector<float>{kNan}),
                                   Tensor::Of({}, std::vector<float>{1})}),
                    "node 'y' (QuantizeLinear): a value is NaN, for which there is no integer");
}

}  // namespace
}  // namespace lutra::converter::executor
