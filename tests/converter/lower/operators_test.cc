// Every other operator in int8. Inputs lie on the grid of their parameters, so what is left is the
// output's own rounding: half a step, or nothing where elements only move.
#include <doctest/doctest.h>

#include <cmath>

#include "converter/error.h"
#include "lowered.h"

namespace lutra::converter::test {
namespace {

constexpr quantize::QuantParams kIn{0.05F, 13};
constexpr double kHalf = 0.505;  // half a step and float32's own rounding
constexpr double kNothing = 1e-3;

size_t Count(const std::vector<int64_t>& dims) {
  size_t count = 1;
  for (const int64_t d : dims) count *= static_cast<size_t>(d);
  return count;
}

double Error(const GraphBuilder& b) {
  return Run(b.graph, OnGrid(Count(*b.graph.Info("x")->dims), kIn, 1)).ErrorInSteps();
}

GraphBuilder On(std::vector<int64_t> dims) {
  GraphBuilder b;
  b.Input("x", std::move(dims));
  return b;
}

TEST_CASE("functions of one value are exact to the output's rounding") {
  for (const char* op :
       {"Sigmoid", "Tanh", "Silu", "Swish", "HardSwish", "HardSigmoid", "LeakyRelu", "Elu",
        "Softplus", "Abs", "Neg", "Exp", "Relu", "Erf", "Sin"}) {
    CAPTURE(op);
    GraphBuilder b = On({1, 3, 40, 5});
    Node& node = b.Add(op, {"x"}, {"y"});
    if (node.op == "Swish") node.attributes["alpha"] = 0.7F;
    CHECK(Error(b) <= (std::string(op) == "Sigmoid" || std::string(op) == "HardSigmoid" ||
                               std::string(op) == "Tanh"
                           // Fixed parameters end one step below 1.
                           ? 1.01
                           : kHalf));
  }
}

TEST_CASE("arithmetic with a number is a table") {
  for (const char* op : {"Add", "Sub", "Mul", "Div", "Min", "Max", "Pow"}) {
    CAPTURE(op);
    GraphBuilder b = On({1, 300});
    b.Floats("c", {}, {2.0F});
    b.Add(op, {"x", "c"}, {"y"});
    const Outcome outcome = Run(b.graph, OnGrid(300, kIn, 2));
    CHECK(outcome.ErrorInSteps() <= kHalf);
    CHECK(outcome.OperatorTypes() == std::vector<std::string>{"Lookup"});
  }
}

TEST_CASE("Add, Sub, Mul of activations and constants, broadcast") {
  for (const char* op : {"Add", "Sub", "Mul"}) {
    CAPTURE(op);
    GraphBuilder same = On({1, 4, 5, 6});
    same.Add("Neg", {"x"}, {"n"});
    same.Add(op, {"x", "n"}, {"y"}).clamp = Clamp{-1, 6};
    // Neg adds its own half step, scaled by at most max|x| (Mul) and the ratio of the scales.
    const Outcome outcome = Run(same.graph, OnGrid(120, kIn, 3));
    const double slope = std::string(op) == "Mul" ? 7.05 : 1.0;
    CHECK(outcome.ErrorInSteps() * static_cast<double>(outcome.scale) <=
          0.51 * static_cast<double>(outcome.scale) + 0.51 * 0.05 * slope);

    GraphBuilder channel = On({1, 4, 5, 6});
    channel.Floats("c", {6}, OnGrid(6, {0.02F, 40}, 4));
    channel.Add(op, {"x", "c"}, {"y"});
    CHECK(Error(channel) <= kHalf);

    GraphBuilder left = On({1, 5, 6});
    left.Floats("c", {1, 5, 1}, OnGrid(5, {0.3F, 0}, 5));
    left.Add(op, {"c", "x"}, {"y"});
    CHECK(Error(left) <= kHalf);
  }
}

TEST_CASE("pools") {
  const auto pool = [](const char* op, std::vector<int64_t> pads, int64_t ceil, int64_t include) {
    GraphBuilder b = On({1, 9, 8, 5});
    Node& node = b.Add(op, {"x"}, {"y"});
    node.attributes["kernel_shape"] = std::vector<int64_t>{3, 2};
    node.attributes["strides"] = std::vector<int64_t>{2, 2};
    node.attributes["pads"] = std::move(pads);
    node.attributes["ceil_mode"] = ceil;
    if (include != 0) node.attributes["count_include_pad"] = include;
    return Error(b);
  };
  CHECK(pool("MaxPool", {1, 0, 1, 1}, 0, 0) <= kNothing);
  CHECK(pool("MaxPool", {0, 0, 0, 0}, 1, 0) <= kNothing);
  CHECK(pool("AveragePool", {0, 0, 0, 0}, 0, 0) <= kHalf);
  CHECK(pool("AveragePool", {1, 1, 1, 0}, 0, 0) <= kHalf);
  CHECK(pool("AveragePool", {1, 1, 1, 0}, 0, 1) <= kHalf);
  CHECK(pool("AveragePool", {0, 0, 0, 0}, 1, 0) <= kHalf);
  for (const char* op : {"MaxPool", "AveragePool"}) {
    for (const int64_t include_pad : {0, 1}) {
      CAPTURE(op);
      // The first window of three rows with a step of two lies in three rows of padding.
      CHECK_THROWS_WITH_AS(pool(op, {3, 0, 0, 0}, 0, include_pad),
                           "node 'y' (" + doctest::String(op) +
                               "): a window lies wholly in the padding: give it less padding",
                           converter::Error);
    }
  }
}

TEST_CASE("reductions over any axes") {
  GraphBuilder global = On({1, 7, 6, 5});
  global.Add("GlobalAveragePool", {"x"}, {"y"});
  CHECK(Error(global) <= kHalf);
  for (const char* op : {"ReduceMean", "ReduceSum", "ReduceMax"}) {
    for (const std::vector<int64_t>& axes :
         {std::vector<int64_t>{1}, {-1}, {1, 2}, {1, 3}, {0, 2}, {0, 1, 2, 3}}) {
      for (const int64_t keep : {int64_t{0}, int64_t{1}}) {
        CAPTURE(op);
        CAPTURE(axes.size());
        GraphBuilder b = On({1, 4, 3, 6});
        b.Ints("axes", axes);
        b.Add(op, {"x", "axes"}, {"y"}).attributes["keepdims"] = keep;
        CHECK(Error(b) <= (std::string(op) == "ReduceMax" ? kNothing : kHalf));
      }
    }
  }
}

TEST_CASE("Resize in every coordinate mode") {
  for (const char* coordinates : {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
                                  "half_pixel_symmetric"}) {
    for (const char* mode : {"nearest", "linear"}) {
      for (const char* rounding : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}) {
        CAPTURE(coordinates);
        CAPTURE(mode);
        CAPTURE(rounding);
        GraphBuilder b = On({1, 5, 7, 3});
        b.Floats("scales", {4}, {1.0F, 1.0F, 2.0F, 1.6F});
        Node& node = b.Add("Resize", {"x", "", "scales"}, {"y"});
        node.attributes["mode"] = std::string(mode);
        node.attributes["nearest_mode"] = std::string(rounding);
        node.attributes["coordinate_transformation_mode"] = std::string(coordinates);
        // Linear weights are rounded to 1/2048 on both axes: up to a quarter step of 255 each.
        CHECK(Error(b) <= (std::string(mode) == "linear" ? 0.51 + 2 * 255 * 0.5 / 2048 : kNothing));
      }
    }
  }
}

TEST_CASE("Softmax over any axis; the last one of a network stays float") {
  for (const int64_t axis : {int64_t{-1}, int64_t{1}, int64_t{2}}) {
    for (const char* op : {"Softmax", "LogSoftmax"}) {
      GraphBuilder b = On({1, 4, 6, 5});
      b.Add(op, {"x"}, {"s"}).attributes["axis"] = axis;
      b.Add("Neg", {"s"}, {"y"});
      CAPTURE(op);
      CAPTURE(axis);
      // Half a step in each of the two operators; Neg may have a finer one.
      CHECK(Error(b) <= 1.1);
    }
  }
  GraphBuilder last = On({1, 10});
  last.Add("Neg", {"x"}, {"n"});
  last.Add("Softmax", {"n"}, {"y"});
  const Outcome outcome = Run(last.graph, OnGrid(10, {0.01F, 3}, 4));
  CHECK(outcome.scale == 0);
  CHECK(outcome.ErrorInSteps() < 0.01);
  CHECK(outcome.OperatorTypes() == std::vector<std::string>{"Lookup", "Dequantize", "Softmax"});
}

TEST_CASE("moves move") {
  const auto check = [](const GraphBuilder& b) { CHECK(Error(b) <= kNothing); };
  GraphBuilder transpose = On({1, 3, 4, 5});
  transpose.Add("Transpose", {"x"}, {"y"}).attributes["perm"] = std::vector<int64_t>{2, 0, 3, 1};
  check(transpose);

  GraphBuilder slice = On({2, 9, 4, 5});
  slice.Ints("starts", {1, -1, 1});
  slice.Ints("ends", {2, -100, 4});
  slice.Ints("axes", {0, 1, 3});
  slice.Ints("steps", {1, -3, 2});
  slice.Add("Slice", {"x", "starts", "ends", "axes", "steps"}, {"y"});
  check(slice);

  GraphBuilder split = On({1, 4, 10});
  split.Ints("sizes", {3, 7});
  split.Add("Split", {"x", "sizes"}, {"a", "b"}).attributes["axis"] = int64_t{2};
  split.Add("Concat", {"b", "a", "b"}, {"y"}).attributes["axis"] = int64_t{-1};
  check(split);

  GraphBuilder gather = On({3, 4, 10});
  gather.graph.initializers["i"] = Tensor::Of({}, std::vector<int64_t>{-1});
  gather.Add("Gather", {"x", "i"}, {"g"}).attributes["axis"] = int64_t{0};
  gather.Ints("shape", {1, 2, 2, 10});
  gather.Add("Reshape", {"g", "shape"}, {"y"});
  check(gather);

  for (const char* mode : {"constant", "reflect", "edge"}) {
    GraphBuilder pad = On({1, 4, 5, 3});
    pad.Ints("pads", {0, 1, 2, 0, 0, 3, 1, 0});
    pad.Floats("value", {}, {0.25F});
    pad.Add("Pad", {"x", "pads", "value"}, {"y"}).attributes["mode"] = std::string(mode);
    check(pad);
  }

  GraphBuilder concat = On({1, 4, 5});
  concat.Floats("c", {1, 2, 5}, OnGrid(10, kIn, 8));
  concat.Add("Concat", {"x", "c"}, {"y"}).attributes["axis"] = int64_t{1};
  check(concat);

  for (const char* mode : {"DCR", "CRD"}) {
    GraphBuilder depth = On({1, 2, 3, 12});
    Node& node = depth.Add("DepthToSpace", {"x"}, {"d"});
    node.attributes["blocksize"] = int64_t{2};
    node.attributes["mode"] = std::string(mode);
    depth.Add("SpaceToDepth", {"d"}, {"y"}).attributes["blocksize"] = int64_t{2};
    check(depth);
  }
}

TEST_CASE("a Reshape between operators that see no shape costs no operator") {
  GraphBuilder b = On({1, 4, 6});
  b.Add("Neg", {"x"}, {"n"});
  b.Ints("shape", {1, 24});
  b.Add("Reshape", {"n", "shape"}, {"r"});
  b.Ints("back", {1, 4, 6});
  b.Add("Reshape", {"r", "back"}, {"q"});
  b.Add("Abs", {"q"}, {"y"});
  const Outcome outcome = Run(b.graph, OnGrid(24, kIn, 1));
  CHECK(outcome.OperatorTypes() == std::vector<std::string>{"Lookup", "Lookup"});
}

TEST_CASE("Transposes at inputs and outputs become permutations of the ports") {
  GraphBuilder b = On({1, 3, 4, 5});
  b.Add("Transpose", {"x"}, {"t"}).attributes["perm"] = std::vector<int64_t>{0, 2, 3, 1};
  b.Add("Neg", {"t"}, {"n"});
  b.Add("Transpose", {"n"}, {"y"}).attributes["perm"] = std::vector<int64_t>{0, 3, 1, 2};
  const Outcome outcome = Run(b.graph, OnGrid(60, kIn, 1));
  CHECK(outcome.ErrorInSteps() <= kHalf);
  CHECK(outcome.OperatorTypes() == std::vector<std::string>{"Lookup"});
}

TEST_CASE("every node that cannot be expressed is named at once") {
  GraphBuilder b = On({1, 6});
  b.Add("Neg", {"x"}, {"n"});
  b.Add("CumSum", {"n", "x"}, {"first"});
  b.Add("NonZero", {"n"}, {"second"});
  b.graph.outputs = {"first", "second"};
  for (const char* value : {"n", "first", "second"}) {
    b.graph.values[value] = {DataType::float32, std::vector<int64_t>{1, 6}};
  }
  quantize::Quantization quantization;
  for (const Node& node : b.graph.nodes)
    quantization.schemes[node.Label()] = quantize::LayerScheme{};
  std::string message;
  try {
    lowering::Lower(b.graph, quantization, {});
  } catch (const converter::Error& error) {
    message = error.what();
  }
  CHECK(message.find("node 'first' (CumSum)") != std::string::npos);
  CHECK(message.find("node 'second' (NonZero)") != std::string::npos);
}

}  // namespace
}  // namespace lutra::converter::test
