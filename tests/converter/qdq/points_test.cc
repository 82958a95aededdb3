// Each Q/DQ pair rounds and clamps, whatever stands around it. The expectation is the file itself,
// run node by node by the float executor without any pass.
#include <doctest/doctest.h>

#include <cmath>

#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/qdq/arrange_points.h"
#include "quantized_network.h"

namespace lutra::converter::test {
namespace {

using Dims = std::vector<int64_t>;
using Floats = std::vector<float>;

// Networks whose output is float: what is left is the rounding of float32 sums.
constexpr double kFloatError = 1e-4;
constexpr double kOneStep = 1.001;

std::string FloatConv(QuantizedNetwork& n, const std::string& x, int64_t in, int64_t out) {
  return n.Add("Conv", {x, n.RandomFloats({out, in, 1, 1}, 0.7)});
}

std::string Conv(QuantizedNetwork& n, const std::string& x, int64_t in, int64_t out) {
  const auto w = n.RandomWeights({out, in, 3, 3}, 0);
  return n.Add("Conv", {x, n.Dequantize(w, 0)}, {{"pads", Dims{1, 1, 1, 1}}});
}

TEST_CASE("a value that is also read unrounded") {
  QuantizedNetwork n({1, 3, 6, 6});
  const std::string y = Conv(n, n.Pair("x", {0.02F, 120}), 3, 4);
  SUBCASE("by the operator that reads it rounded") {
    n.Output(n.Add("Sub", {n.Pair(y, {0.2F, 3}), y}));
  }
  SUBCASE("rounded behind Relu and in another format without it") {
    const std::string relu = n.Pair(n.Add("Relu", {y}), {0.02F, 0});
    n.Output(n.Add("Add", {relu, n.Pair(y, {0.07F, 110})}));
  }
  CHECK(ImportAndRun(n).error_in_steps < kFloatError);
}

TEST_CASE("an input that is read rounded and as it is") {
  QuantizedNetwork n({1, 3, 6, 6});
  n.Output(n.Add("Add", {FloatConv(n, n.Pair("x", {0.01F, 100}), 3, 3), "x"}));
  CHECK(ImportAndRun(n).error_in_steps < kFloatError);
}

TEST_CASE("an input that only float operators read is rounded all the same") {
  QuantizedNetwork n({1, 3, 6, 6});
  n.Output(FloatConv(n, n.Pair("x", {0.005F, 128}), 3, 4));
  CHECK(ImportAndRun(n).error_in_steps < kFloatError);
}

TEST_CASE("a pair between layers that stay float clamps: there was a Relu") {
  QuantizedNetwork n({1, 3, 6, 6});
  const std::string y = n.Pair(FloatConv(n, "x", 3, 4), {0.01F, 0});
  n.Output(FloatConv(n, y, 4, 4));
  CHECK(ImportAndRun(n).error_in_steps < kFloatError);
}

TEST_CASE("operators that only move elements between two scales") {
  QuantizedNetwork n({1, 3, 6, 6});
  const Format first{0.031F, 120}, second{0.013F, 90};
  std::string y = n.Pair(Conv(n, n.Pair("x", {0.02F, 120}), 3, 4), first);
  SUBCASE("Transpose") { y = n.Add("Transpose", {y}, {{"perm", Dims{0, 2, 3, 1}}}); }
  SUBCASE("Reshape") { y = n.Add("Reshape", {y, n.Ints({1, 144})}); }
  SUBCASE("MaxPool") { y = n.Add("MaxPool", {y}, {{"kernel_shape", Dims{2, 2}}}); }
  SUBCASE("Slice") { y = n.Add("Slice", {y, n.Ints({1}), n.Ints({3}), n.Ints({1})}); }
  SUBCASE("Pad whose value is on neither grid") {
    y = n.Add("Pad", {y, n.Ints({0, 0, 1, 1, 0, 0, 1, 1}), n.Floats({}, {0.1003F})});
  }
  n.Output(n.Pair(y, second));
  const ImportedRun run = ImportAndRun(n);
  CHECK(run.error_in_steps <= kOneStep);
  CHECK(run.HasFormat(first.scale, first.zero_point - 128));
  CHECK(run.HasFormat(second.scale, second.zero_point - 128));
}

TEST_CASE("a point behind Concat lets the layers before it round") {
  QuantizedNetwork n({1, 3, 6, 6});
  const std::string x = n.Pair("x", {0.02F, 120});
  n.Output(n.Pair(n.Add("Concat", {Conv(n, x, 3, 2), Conv(n, x, 3, 3), x}, {{"axis", int64_t{1}}}),
                  {0.04F, 115}));
  const ImportedRun run = ImportAndRun(n);
  CHECK(run.error_in_steps <= kOneStep);
  CHECK(run.report.float_fallbacks == 0);
}

TEST_CASE("integers that are read under another scale and zero point than they were written") {
  QuantizedNetwork n({1, 3, 6, 6});
  const std::string q = n.Quantize("x", {0.02F, 120});
  n.Output(n.Add("Relu", {n.Dequantize(q, {0.05F, 60})}));
  CHECK(ImportAndRun(n).error_in_steps < kFloatError);
}

TEST_CASE("formats without a zero point") {
  QuantizedNetwork n({1, 3, 6, 6});
  const std::string scale = n.Floats({}, {0.02F});
  std::string q;
  int lowest = 0;
  SUBCASE("are uint8 from 0") {
    q = n.Add("QuantizeLinear", {"x", scale});
    lowest = -128;
  }
  SUBCASE("are of the type that output_dtype says") {
    q = n.Add("QuantizeLinear", {"x", scale}, {{"output_dtype", int64_t{3}}});  // int8
  }
  n.Output(n.Add("DequantizeLinear", {q, scale}));
  const ImportedRun run = ImportAndRun(n);
  CHECK(run.HasFormat(0.02F, lowest));
  if (lowest == 0) return;  // the executor's opset does not know the attribute
  CHECK(run.error_in_steps < 0.01);
}

// Weights of one step in every channel, under scales of our choice.
std::string SmallWeights(QuantizedNetwork& n, const Floats& scales, int8_t value) {
  const auto channels = static_cast<int64_t>(scales.size());
  Tensor integers(DataType::int8, {channels, 3, 1, 1});
  for (int8_t& q : integers.as<int8_t>()) q = value;
  return n.Add("DequantizeLinear", {n.Integer(integers), n.Floats({channels}, scales)},
               {{"axis", int64_t{0}}});
}

TEST_CASE("channels whose bias or multiplier leaves its type") {
  QuantizedNetwork n({1, 3, 6, 6});
  const std::string x = n.Pair("x", {0.02F, 120});
  int8_t value = 0;
  Floats scales, bias;
  SUBCASE("no weights at all") {
    scales = {0.01F, 1e-9F, 1e-30F};
    bias = {0.3F, 0.7F, -0.4F};
  }
  SUBCASE("weights that nothing is left of") {
    value = 100;
    scales = {0.01F, 1e-12F, 1e-37F};
    bias = {0.3F, 0.7F, 0.0F};
  }
  const std::string y = n.Add("Conv", {x, SmallWeights(n, scales, value), n.Floats({3}, bias)});
  n.Output(n.Pair(y, {0.031F, 101}));
  const ImportedRun run = ImportAndRun(n);
  CHECK(run.report.float_fallbacks == 0);
  CHECK(run.error_in_steps <= kOneStep);
}

TEST_CASE("a bias finer than the scales of input and weights keeps its layer float") {
  QuantizedNetwork n({1, 3, 6, 6});
  // Units of 0.5, an output of 0.01: the rounding of the bias would be 20 steps.
  const std::string y = n.Add("Conv", {n.Pair("x", {0.5F, 128}), SmallWeights(n, {1, 1, 1}, 1),
                                       n.Floats({3}, {0.2F, 0.15F, 0.0F})});
  n.Output(n.Pair(y, {0.01F, 128}));
  const ImportedRun run = ImportAndRun(n);
  CHECK(run.report.float_fallbacks == 1);
  CHECK(run.error_in_steps <= kOneStep);
}

TEST_CASE("a scale per input channel is no scale of integers: float, with its reason") {
  QuantizedNetwork n({1, 3, 6, 6});
  const auto w = n.RandomWeights({3, 3, 3, 3}, 1);
  n.Output(n.Pair(n.Add("Conv", {n.Pair("x", {0.02F, 120}), n.Dequantize(w, 1)}), {0.02F, 128}));
  const ImportedRun run = ImportAndRun(n);
  CHECK(run.report.float_fallbacks == 1);
  CHECK(run.error_in_steps <= kOneStep);
}

TEST_CASE("a pair and nothing else") {
  QuantizedNetwork n({1, 3, 6, 6});
  n.Output(n.Pair("x", {0.01F, 7}));
  CHECK(ImportAndRun(n).error_in_steps < 0.01);
}

TEST_CASE("networks that quantize while they run are refused in those words") {
  QuantizedNetwork n({1, 4});
  n.Output(n.Add("DynamicQuantizeLinear", {"x"}), DataType::uint8);
  CHECK(ImportFailure(n).find("the network is dynamically quantized") != std::string::npos);
}

TEST_CASE("operators that compute with the integers themselves are refused") {
  QuantizedNetwork n({1, 4});
  const Format in{0.02F, 120};
  const std::string q = n.Quantize("x", in);
  n.Output(n.Dequantize(n.Add("Where", {n.Add("Greater", {q, q}), q, q}), in));
  CHECK(ImportFailure(n).find("computes with the integers of a quantized tensor") !=
        std::string::npos);
}

TEST_CASE(
    "elements of the integers are elements of the reals; their places are no integers of theirs") {
  QuantizedNetwork n({1, 8});
  const Format in{0.02F, 120};
  const std::string q = n.Quantize("x", in);
  n.Output(n.Dequantize(n.Add("TopK", {q, n.Ints({3})}), in));
  const ImportedRun run = ImportAndRun(n);
  CHECK(run.error_in_steps < kFloatError);
  CHECK(run.report.float_fallbacks == 0);
}

TEST_CASE("the comparison with the file is in the report") {
  QuantizedNetwork n({1, 3, 6, 6});
  n.Output(n.Pair(Conv(n, n.Pair("x", {0.02F, 120}), 3, 4), {0.03F, 120}));
  const ImportedRun run = ImportAndRun(n);
  CHECK(run.report.file_samples == 2);
  CHECK(run.report.file_within_two == 1);
  CHECK(run.report.warnings.empty());
}

TEST_CASE("a point rounds half to even and clamps to its own ends") {
  const quantize::Point point{{0.5F, 3}, -4, 10};
  const Tensor x = Tensor::Of({8}, Floats{0.0F, 0.25F, 0.75F, -0.25F, -0.3F, 9.0F, -9.0F, 3.5F});
  const Tensor y = executor::ExecuteNode(quantize::MakePoint("x", "y", point), {x}).at(0);
  // In steps of 0.5 from -4 - 3 to 10 - 3.
  CHECK(y.ToFloats() == Floats{0.0F, 0.0F, 1.0F, 0.0F, -0.5F, 3.5F, -3.5F, 3.5F});
  for (size_t i = 0; i < 8; ++i) CHECK(RoundTo(point, x.ToFloats()[i]) == y.ToFloats()[i]);
  CHECK(LiesOn(point, y));
  CHECK(!LiesOn(point, x));
}

Graph Chain(std::vector<Node> nodes, std::vector<std::string> outputs) {
  Graph graph;
  graph.inputs = {"x"};
  graph.outputs = std::move(outputs);
  graph.values["x"] = {DataType::float32, Dims{1, 2, 4, 4}};
  graph.nodes = std::move(nodes);
  return graph;
}

Node Move(const std::string& op, const std::string& from, const std::string& to) {
  Node node;
  node.op = op;
  node.inputs = {from};
  node.outputs = {to};
  if (op == "MaxPool") node.attributes["kernel_shape"] = Dims{2, 2};
  return node;
}

std::vector<std::string> OpsOf(const Graph& graph) {
  std::vector<std::string> ops;
  for (const Node& node : graph.nodes) ops.push_back(node.op);
  return ops;
}

TEST_CASE("points that do nothing vanish, others move to where values are made") {
  using Ops = std::vector<std::string>;
  const quantize::Point a{{0.1F, 0}}, b{{0.2F, 5}};
  Ops wanted;
  Graph graph;
  SUBCASE("the grid is kept by a move") {
    graph = Chain({quantize::MakePoint("x", "p", a), Move("MaxPool", "p", "m"),
                   quantize::MakePoint("m", "q", a), Move("Sigmoid", "q", "y")},
                  {"y"});
    wanted = {quantize::kPointOp, "MaxPool", "Sigmoid"};
  }
  SUBCASE("two readers with one format") {
    graph = Chain({quantize::MakePoint("x", "p", a), quantize::MakePoint("x", "q", a),
                   Move("Sigmoid", "p", "s"), Move("Sigmoid", "q", "y")},
                  {"s", "y"});
    wanted = {quantize::kPointOp, "Sigmoid", "Sigmoid"};
  }
  SUBCASE("another format stays behind the move") {
    graph = Chain({quantize::MakePoint("x", "p", a), Move("MaxPool", "p", "m"),
                   quantize::MakePoint("m", "y", b)},
                  {"y"});
    wanted = {quantize::kPointOp, "MaxPool", quantize::kPointOp};
  }
  SUBCASE("a point moves before a move of an unrounded value") {
    graph = Chain(
        {Move("Sigmoid", "x", "s"), Move("MaxPool", "s", "m"), quantize::MakePoint("m", "y", b)},
        {"y"});
    wanted = {"Sigmoid", quantize::kPointOp, "MaxPool"};
  }
  SUBCASE("but not where that value is read") {
    graph = Chain(
        {Move("Sigmoid", "x", "s"), Move("MaxPool", "s", "m"), quantize::MakePoint("m", "y", b)},
        {"s", "y"});
    wanted = {"Sigmoid", "MaxPool", quantize::kPointOp};
  }
  qdq::ArrangePoints(graph);
  CHECK(OpsOf(graph) == wanted);
  graph.Check();
}

}  // namespace
}  // namespace lutra::converter::test
