// Conv, Gemm and MatMul: with inputs and weights that int8 represents exactly, what is left is the
// rounding of the output (half a step), of the bias (half a step of the accumulator) and float32.
#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "converter/quantize/recipe.h"
#include "lowered.h"

namespace lutra::converter::test {
namespace {

constexpr quantize::QuantParams kInput{0.05F, 13};

// Integers -127..127 in units of one scale, 127 among them in every channel (of k values).
std::vector<float> GridWeights(size_t n, size_t k, float scale, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> weights(n * k);
  for (size_t i = 0; i < weights.size(); ++i) {
    const int q = i % k == 0 ? 127 : static_cast<int>(random() % 255) - 127;
    weights[i] = scale * static_cast<float>(q);
  }
  return weights;
}

std::vector<float> Bias(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> bias(n);
  for (float& b : bias) b = static_cast<float>(random() % 1000) / 500.0F - 1.0F;
  return bias;
}

struct ConvCase {
  const char* name;
  std::vector<int64_t> in;      // N, H, W, C
  std::vector<int64_t> kernel;  // O, I / groups, kh, kw
  int64_t groups;
  std::vector<int64_t> strides, dilations, pads;
};

// The accumulator's unit is far below the output's step in all of these.
constexpr double kBound = 0.51;

TEST_CASE("Conv in all its forms") {
  const ConvCase cases[] = {
      {"pointwise", {1, 5, 6, 7}, {9, 7, 1, 1}, 1, {1, 1}, {1, 1}, {0, 0, 0, 0}},
      {"same 3x3", {1, 7, 8, 3}, {4, 3, 3, 3}, 1, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {"strided, uneven pads", {1, 9, 8, 5}, {6, 5, 3, 2}, 1, {2, 3}, {1, 1}, {0, 1, 1, 2}},
      {"dilated", {1, 11, 10, 4}, {3, 4, 3, 3}, 1, {1, 1}, {2, 3}, {2, 3, 2, 3}},
      {"groups", {1, 6, 6, 8}, {12, 2, 3, 3}, 4, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {"depthwise", {1, 6, 6, 8}, {8, 1, 3, 3}, 8, {2, 2}, {1, 1}, {1, 1, 1, 1}},
      {"depthwise, multiplier 2", {1, 6, 6, 5}, {10, 1, 5, 5}, 5, {1, 1}, {1, 1}, {2, 2, 2, 2}},
      {"1-D", {1, 12, 4}, {6, 4, 3}, 1, {2}, {1}, {1, 1}},
  };
  for (const ConvCase& c : cases) {
    CAPTURE(c.name);
    for (const bool relu : {false, true}) {
      GraphBuilder b;
      b.Input("x", c.in);
      size_t k = 1, elements = 1;
      for (size_t d = 1; d < c.kernel.size(); ++d) k *= static_cast<size_t>(c.kernel[d]);
      for (const int64_t d : c.in) elements *= static_cast<size_t>(d);
      const auto n = static_cast<size_t>(c.kernel[0]);
      b.Floats("w", c.kernel, GridWeights(n, k, 0.01F, 5));
      b.Floats("b", {c.kernel[0]}, Bias(n, 6));
      Node& conv = b.Add("Conv", {"x", "w", "b"}, {"y"});
      conv.attributes["group"] = c.groups;
      conv.attributes["strides"] = c.strides;
      conv.attributes["dilations"] = c.dilations;
      conv.attributes["pads"] = c.pads;
      if (relu) conv.clamp = Clamp{0, 1.5F};
      const Outcome outcome = Run(b.graph, OnGrid(elements, kInput, 7));
      CHECK(outcome.ErrorInSteps() <= kBound);
      CHECK(outcome.OperatorTypes() == std::vector<std::string>{"Conv"});
      CHECK(outcome.model.output_channels == n);
    }
  }
}

// Half a step of the output's rounding, and a quarter of the curve.
constexpr double kCurveBound = 0.76;

TEST_CASE("a function behind a product is part of it, with one rounding for both") {
  for (const char* op : {"Silu", "HardSwish", "Sigmoid", "Gelu", "Tanh", "LeakyRelu", "Mish"}) {
    for (const int64_t groups : {int64_t{1}, int64_t{5}}) {
      CAPTURE(op);
      CAPTURE(groups);
      GraphBuilder b;
      b.Input("x", {1, 6, 7, 5});
      const std::vector<int64_t> dims = {10, 5 / groups, 3, 3};
      const auto k = static_cast<size_t>(45 / groups);
      b.Floats("w", dims, GridWeights(10, k, 0.002F, 5));
      b.Floats("b", {10}, Bias(10, 6));
      Node& conv = b.Add("Conv", {"x", "w", "b"}, {"c"});
      conv.attributes["group"] = groups;
      b.Add(op, {"c"}, {"y"});
      const Outcome outcome = Run(b.graph, OnGrid(210, kInput, 7));
      CHECK(outcome.ErrorInSteps() <= kCurveBound);
      CHECK(outcome.OperatorTypes() == std::vector<std::string>{"Conv"});
    }
    GraphBuilder b;
    b.Input("x", {1, 20});
    b.Floats("w", {6, 20}, GridWeights(6, 20, 0.01F, 5));
    b.Floats("b", {6}, Bias(6, 8));
    Node& gemm = b.Add("Gemm", {"x", "w", "b"}, {"g"});
    gemm.attributes["transB"] = int64_t{1};
    b.Add(op, {"g"}, {"y"});
    const Outcome outcome = Run(b.graph, OnGrid(20, kInput, 9));
    CHECK(outcome.ErrorInSteps() <= kCurveBound);
    CHECK(outcome.OperatorTypes() == std::vector<std::string>{"Linear"});
  }
}

TEST_CASE("a factor for each channel behind a product costs nothing") {
  for (const std::string op : {"", "Silu", "clamp"}) {
    CAPTURE(op);
    GraphBuilder b;
    b.Input("x", {1, 6, 7, 5});
    b.Floats("w", {4, 5, 1, 1}, GridWeights(4, 5, 0.004F, 5));
    b.Floats("b", {4}, Bias(4, 6));
    // (Above 0 a clamp has to be beyond every channel's integers.)
    b.Floats("f", {1, 1, 4}, {1.0F, 3.5F, 1.25F, op == "clamp" ? 1.5F : 40.0F});
    Node& conv = b.Add("Conv", {"x", "w", "b"}, {"c"});
    if (op == "clamp") conv.clamp = Clamp{0, 100};
    if (op == "Silu") b.Add(op, {"c"}, {"s"});
    b.Add("Mul", {op == "Silu" ? "s" : "c", "f"}, {"y"});
    const Outcome outcome = Run(b.graph, OnGrid(210, kInput, 7));
    CHECK(outcome.ErrorInSteps() <= kCurveBound);
    CHECK(outcome.OperatorTypes() == std::vector<std::string>{"Conv"});
  }
}

TEST_CASE("functions that no curve meets, and values that others see, stay apart") {
  for (const bool seen : {false, true}) {
    GraphBuilder b;
    b.Input("x", {1, 4, 4, 3});
    b.Floats("w", {4, 3, 1, 1}, GridWeights(4, 3, 0.01F, 5));
    b.Add("Conv", {"x", "w"}, {"c"});
    b.Add(seen ? "Silu" : "Round", {"c"}, {"s"});
    b.Add("Add", {seen ? "c" : "s", "s"}, {"y"});
    const Outcome outcome = Run(b.graph, OnGrid(48, kInput, 7));
    CHECK(outcome.OperatorTypes() == std::vector<std::string>{"Conv", "Lookup", "Binary"});
  }
}

TEST_CASE("Gemm with either order of weights, alpha, beta and a scalar bias") {
  for (const int64_t transposed : {int64_t{0}, int64_t{1}}) {
    GraphBuilder b;
    b.Input("x", {1, 20});
    std::vector<float> weights(20 * 6);
    for (size_t i = 0; i < weights.size(); ++i) {
      weights[i] = 0.02F * static_cast<float>(static_cast<int>(i * 37 % 255) - 127);
    }
    // The largest magnitude of every output channel must sit on the last step.
    for (size_t n = 0; n < 6; ++n) weights[transposed != 0 ? n * 20 : n] = 0.02F * 127;
    b.Floats("w", transposed != 0 ? std::vector<int64_t>{6, 20} : std::vector<int64_t>{20, 6},
             weights);
    b.Floats("b", {1}, {0.75F});
    Node& gemm = b.Add("Gemm", {"x", "w", "b"}, {"y"});
    gemm.attributes["transB"] = transposed;
    gemm.attributes["alpha"] = 0.5F;
    gemm.attributes["beta"] = 2.0F;
    const Outcome outcome = Run(b.graph, OnGrid(20, kInput, 9));
    CHECK(outcome.ErrorInSteps() <= kBound);
    CHECK(outcome.OperatorTypes() == std::vector<std::string>{"Linear"});
  }
}

TEST_CASE("MatMul by constants over three dimensions is a Linear") {
  GraphBuilder b;
  b.Input("x", {1, 5, 8});
  std::vector<float> weights = GridWeights(1, 8 * 3, 0.01F, 3);
  for (size_t n = 0; n < 3; ++n) weights[n] = 1.27F;
  b.Floats("w", {8, 3}, weights);
  b.Add("MatMul", {"x", "w"}, {"y"});
  const Outcome outcome = Run(b.graph, OnGrid(40, kInput, 10));
  CHECK(outcome.ErrorInSteps() <= kBound);
  CHECK(outcome.OperatorTypes() == std::vector<std::string>{"Linear"});
}

TEST_CASE("MatMul of two activations, and of an activation and a stack of constants") {
  GraphBuilder b;
  b.Input("x", {1, 4, 4});
  b.Add("MatMul", {"x", "x"}, {"y"});
  CHECK(Run(b.graph, OnGrid(16, kInput, 11)).ErrorInSteps() <= kBound);

  GraphBuilder c;
  c.Input("x", {1, 2, 3, 4});
  c.Floats("w", {1, 2, 4, 5}, OnGrid(40, {0.1F, -5}, 12));
  c.Add("MatMul", {"x", "w"}, {"y"});
  CHECK(Run(c.graph, OnGrid(24, kInput, 13)).ErrorInSteps() <= kBound);
}

TEST_CASE("low bits, asymmetric and per-tensor weights run; grids of fewer steps err more") {
  GraphBuilder b;
  b.Input("x", {1, 6, 6, 4});
  b.Floats("w", {5, 4, 3, 3}, GridWeights(5, 36, 0.01F, 21));
  b.Add("Conv", {"x", "w"}, {"y"}).attributes["pads"] = std::vector<int64_t>{1, 1, 1, 1};
  const std::vector<float> input = OnGrid(144, kInput, 22);
  for (int bits = 2; bits <= 8; ++bits) {
    for (const bool asymmetric : {false, true}) {
      quantize::LayerScheme scheme;
      scheme.bits = bits;
      scheme.asymmetric = asymmetric;
      scheme.granularity = bits % 2 == 0 ? Granularity::channel : Granularity::tensor;
      const Outcome outcome = Run(b.graph, input, scheme);
      CAPTURE(bits);
      CAPTURE(asymmetric);
      // Each of 36 weights is off by at most a step (asymmetric; half otherwise) of
      // 2.54 / (2^bits - 2), times |x| <= 7.05.
      const double step = 2.54 / ((1 << bits) - 2);
      CHECK(outcome.ErrorInSteps() * static_cast<double>(outcome.scale) <=
            36 * 7.05 * step + 0.51 * static_cast<double>(outcome.scale));
      CHECK(outcome.OperatorTypes() == std::vector<std::string>{"Conv"});
    }
  }
}

// -7..7, 7 in every group of 32 k, times a scale of the group: whole multiples of the smallest, 255
// of them in every channel.
std::vector<float> GroupedWeights(size_t n, size_t k, float scale, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> weights(n * k);
  for (size_t row = 0; row < n; ++row) {
    for (size_t i = 0; i < k; ++i) {
      const auto factor = static_cast<float>(i < 32 ? 255 : 20 + (row * 31 + i / 32 * 57) % 200);
      const int q = i % 32 == 0 ? 7 : static_cast<int>(random() % 15) - 7;
      weights[row * k + i] = scale * factor * static_cast<float>(q);
    }
  }
  return weights;
}

TEST_CASE("a scale per group of k: Gemm, MatMul and convolutions of one pixel lose nothing by it") {
  quantize::LayerScheme scheme;
  scheme.bits = 4;
  scheme.granularity = Granularity::group;
  scheme.group = 32;
  for (const char* activations : {"int8", "dynamic", "float"}) {
    CAPTURE(activations);
    quantize::SetActivations(scheme, activations);
    GraphBuilder b;
    b.Input("x", {3, 75});
    b.Floats("w", {6, 75}, GroupedWeights(6, 75, 1e-4F, 5));
    b.Floats("b", {6}, Bias(6, 6));
    b.Add("Gemm", {"x", "w", "b"}, {"y"}).attributes["transB"] = int64_t{1};
    const Outcome outcome = Run(b.graph, OnGrid(3 * 75, kInput, 7), scheme);
    const schema::LinearT& linear = *outcome.model.writer.model.operators[0]->options.AsLinear();
    CHECK(linear.weights->group == 32);
    if (outcome.scale != 0) {
      CHECK(outcome.ErrorInSteps() <= kBound);
      continue;
    }
    // Floats: of sums around 10. Dynamic: a row's step is about its range of 12.75 / 255, and 75
    // weights of up to 0.18 times half of it are below 0.34.
    const double bound = std::string(activations) == "float" ? 1e-4 : 0.34;
    for (size_t i = 0; i < outcome.got.size(); ++i) {
      CHECK(std::fabs(outcome.got[i] - outcome.wanted[i]) <= static_cast<float>(bound));
    }
  }
  quantize::SetActivations(scheme, "int8");
  for (const int64_t side : {int64_t{1}, int64_t{3}}) {
    GraphBuilder b;
    b.Input("x", {1, 5, 6, 70});
    const auto k = static_cast<size_t>(side * side * 70);
    b.Floats("w", {9, 70, side, side}, GroupedWeights(9, k, 1e-4F, 8));
    b.Add("Conv", {"x", "w"}, {"y"}).attributes["strides"] = std::vector<int64_t>{2, 2};
    const Outcome outcome = Run(b.graph, OnGrid(5 * 6 * 70, kInput, 9), scheme);
    const schema::ConvT& conv = *outcome.model.writer.model.operators[0]->options.AsConv();
    // Convolutions of more pixels keep a scale per channel.
    CHECK(conv.weights->group == (side == 1 ? 32 : 0));
    if (side == 1) CHECK(outcome.ErrorInSteps() <= kBound);
  }
}

}  // namespace
}  // namespace lutra::converter::test
