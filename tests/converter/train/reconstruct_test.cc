// Rounding learned block by block: where networks are cut, which two levels a weight has, and that
// the file's output comes nearer to the float network's.
#include "converter/train/reconstruct.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "converter/executor/float_executor.h"
#include "converter/lower/lower.h"
#include "converter/passes/graph_builder.h"
#include "converter/passes/passes.h"
#include "converter/quantize/quantize.h"
#include "converter/runtime_session.h"
#include "converter/train/blocks.h"
#include "converter/train/given_samples.h"
#include "converter/train/soft_rounding.h"
#include "support/random_numbers.h"

namespace lutra::converter::train {
namespace {

using Ints = std::vector<int64_t>;
using Labels = std::vector<std::string>;

/// Images of two channels that have much in common.
std::unique_ptr<GivenSamples> Images(size_t count, uint64_t seed) {
  auto images = std::make_unique<GivenSamples>();
  test::RandomNumbers random(seed);
  for (size_t i = 0; i < count; ++i) {
    std::vector<float> pixels(2 * 6 * 6);
    const float common = random.Real(-1, 1);
    for (float& pixel : pixels) pixel = 0.2F * common + random.Real(-1, 1);
    images->Add({2, 6, 6}, std::move(pixels), -1);
  }
  return images;
}

/// A convolution with a pool, a residual block of two, a Gemm ("scores") and a Softmax ("y").
Graph Optimized(const std::string& output = "y") {
  passes::GraphBuilder b;
  b.Input("x", {1, 2, 6, 6});
  b.Add("Conv", {"x", b.Weights("w1", {6, 2, 3, 3}), b.Weights("b1", {6})}, "c1",
        {{"pads", Ints{1, 1, 1, 1}}});
  b.Add("Relu", {"c1"}, "r1");
  b.Add("MaxPool", {"r1"}, "p1", {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  b.Add("Conv", {"p1", b.Weights("w2", {6, 6, 3, 3}), b.Weights("b2", {6})}, "c2",
        {{"pads", Ints{1, 1, 1, 1}}});
  b.Add("Relu", {"c2"}, "r2");
  b.Add("Conv", {"r2", b.Weights("w3", {6, 1, 3, 3})}, "c3",
        {{"pads", Ints{1, 1, 1, 1}}, {"group", int64_t{6}}});
  b.Add("Add", {"c3", "p1"}, "sum");
  b.Add("Relu", {"sum"}, "r3");
  b.Add("Flatten", {"r3"}, "flat");
  b.Add("Gemm", {"flat", b.Weights("w4", {54, 3}), b.Weights("b4", {3})}, "scores");
  b.Add("Softmax", {"scores"}, "y");
  Graph graph = b.Finish({output});
  passes::OptimizeGraph(graph);
  return graph;
}

quantize::Quantization Quantized(const Graph& graph, const quantize::LayerScheme& scheme,
                                 const data::Dataset& data) {
  std::map<std::string, quantize::LayerScheme> schemes;
  for (const Node& node : graph.nodes) schemes[node.Label()] = scheme;
  Warnings warnings;
  return quantize::QuantizeGraph(graph, schemes, &data, {}, warnings);
}

/// Mean squared difference between the file's scores and FP32's.
double ErrorOfFile(const Graph& graph, const quantize::Quantization& quantization) {
  lowering::LoweredModel lowered = lowering::Lower(graph, quantization, {});
  const std::vector<uint8_t> file = lowered.writer.Finish();
  RuntimeSession session(file, "model");
  executor::FloatExecutor executor(graph);
  const auto images = Images(256, 77);
  double error = 0;
  for (const data::Sample& sample : images->samples) {
    const Tensor x = sample.input.Reshaped({1, 2, 6, 6});
    session.Run({x});
    const Tensor y = session.Output(0), wanted = executor.Run({{"x", x}}).at("scores");
    for (size_t i = 0; i < y.elements(); ++i) {
      const double d =
          static_cast<double>(y.as<float>()[i]) - static_cast<double>(wanted.as<float>()[i]);
      error += d * d / static_cast<double>(256 * y.elements());
    }
  }
  return error;
}

ReconstructSettings Small(size_t threads) {
  return {.samples = 512, .steps = 200, .batch = 16, .seed = 1, .threads = threads};
}

std::vector<float> Halves(const SoftRounding& rounding) {
  std::vector<float> weights(rounding.size());
  rounding.Soft(weights);
  return weights;
}

}  // namespace

TEST_CASE("blocks end where one value goes on alone, as late as the next layer allows") {
  const Graph graph = Optimized();
  std::set<std::string> layers;
  for (const Node& node : graph.nodes) {
    if (node.op == "Conv" || node.op == "Gemm") layers.insert(node.Label());
  }
  REQUIRE(layers.size() == 4);
  const std::vector<Block> blocks = CutIntoBlocks(graph, layers);
  REQUIRE(blocks.size() == 3);
  CHECK(blocks[0].layers.size() == 1);  // with its pool
  CHECK(passes::Count(blocks[0].graph, "MaxPool") == 1);
  CHECK(blocks[1].layers.size() == 2);  // the shortcut goes past both
  CHECK(passes::Count(blocks[1].graph, "Add") == 1);
  CHECK(blocks[2].layers.size() == 1);
  CHECK(blocks[2].graph.outputs == graph.outputs);
  for (size_t b = 1; b < blocks.size(); ++b) {
    CHECK(blocks[b].graph.inputs == blocks[b - 1].graph.outputs);
  }
  // One after the other they are the network.
  executor::FloatExecutor whole(graph);
  const Tensor x = Images(1, 5)->samples[0].input.Reshaped({1, 2, 6, 6});
  Tensor value = x;
  for (const Block& block : blocks) {
    executor::FloatExecutor part(block.graph);
    value = part.Run({{block.graph.inputs[0], value}}).at(block.graph.outputs[0]);
  }
  CHECK(value == whole.Run({{"x", x}}).at("y"));
  CHECK(CutIntoBlocks(graph, {}).size() == 1);
}

TEST_CASE("a weight has the level it was rounded to and the next one towards what it is") {
  const quantize::WeightMatrix real{
      .n = 2, .k = 3, .values = {0.24F, -0.9F, 0, 1, 2.5F, -2.2F}, .bias = {0, 0}};
  quantize::QuantizedWeights before{.n = 2,
                                    .k = 3,
                                    .bits = 3,
                                    .values = {0, -2, 0, 0, 3, -2},
                                    .scale = {0.5F, 1},
                                    .zero_point = {}};
  // Element [n][k] stands at k * 2 + n.
  const std::vector<size_t> order = {0, 2, 4, 1, 3, 5};
  SoftRounding linear(real, before, order);
  const std::vector<float> soft = Halves(linear);
  // A quarter of the way from the level towards the other; 0 stays 0, and so does the end.
  CHECK(soft[0] == doctest::Approx(0.125));   // 0 to 0.5
  CHECK(soft[2] == doctest::Approx(-0.875));  // -1 to -0.5
  CHECK(soft[4] == 0);
  CHECK(soft[1] == doctest::Approx(0.25));   // 0 to 1
  CHECK(soft[3] == doctest::Approx(2.75));   // 3 to 2
  CHECK(soft[5] == doctest::Approx(-2.25));  // -2 to -3
  CHECK(linear.Levels() == before.values);
  std::vector<float> hard(6);
  linear.Hard(hard);
  CHECK(hard == std::vector<float>{0, 0, -1, 3, 0, -2});

  before.bits = 2;
  before.tables = {-3, 0, 1, 3};
  before.table_channels = 2;
  SoftRounding codebook(real, before, order);
  for (float& v : codebook.latents()) v = 10;  // all up
  CHECK(codebook.Levels() == std::vector<int8_t>{1, 0, 0, 1, 3, -2});
  for (float& v : codebook.latents()) v = -10;
  CHECK(codebook.Levels() == std::vector<int8_t>{0, -2, 0, 0, 1, -3});
}

TEST_CASE("learning may also begin where the real weights are, if not on a level") {
  const quantize::WeightMatrix real{.n = 1, .k = 4, .values = {0.6F, -0.25F, 1, 2.9F}, .bias = {0}};
  const quantize::QuantizedWeights before{
      .n = 1, .k = 4, .bits = 4, .values = {0, -1, 1, 1}, .scale = {1}, .zero_point = {}};
  SoftRounding rounding(real, before, {0, 1, 2, 3});
  rounding.Begin(Start::weight);
  const std::vector<float> soft = Halves(rounding);
  CHECK(soft[0] == doctest::Approx(0.6));    // between 0 and 1
  CHECK(soft[1] == doctest::Approx(-0.25));  // between -1 and 0
  CHECK(soft[2] == doctest::Approx(1.02));   // on the lower end of 1 to 2
  CHECK(soft[3] == doctest::Approx(1.98));   // beyond 1 and 2
  CHECK(rounding.Levels() == std::vector<int8_t>{1, 0, 1, 2});
  rounding.Begin(Start::rounding);
  CHECK(rounding.Levels() == before.values);
}

TEST_CASE("gradients of the soft rounding and its regularizer are those of finite differences") {
  const quantize::WeightMatrix real{.n = 1, .k = 3, .values = {0.2F, 0.5F, -0.4F}, .bias = {0}};
  const quantize::QuantizedWeights before{
      .n = 1, .k = 3, .bits = 4, .values = {0, 0, 0}, .scale = {1}, .zero_point = {}};
  SoftRounding rounding(real, before, {0, 1, 2});
  // The regularizer, of shares that are the weights here (-0.4 has the share 0.6).
  const auto value = [](const SoftRounding& of, double beta) {
    double sum = 0;
    for (const float w : Halves(of)) {
      const double share = w < 0 ? 1 + static_cast<double>(w) : static_cast<double>(w);
      sum += 1 - std::pow(std::fabs(2 * share - 1), beta);
    }
    return sum;
  };
  for (const double beta : {2.0, 5.0}) {
    std::vector<float> by_weights(3, 1), by_regularizer(3, 0);
    rounding.Backward(by_weights);
    rounding.AddRegularizer(beta, 1, by_regularizer);
    for (size_t i = 0; i < 3; ++i) {
      constexpr float kStep = 0.01F;
      SoftRounding more = rounding, less = rounding;
      more.latents()[i] += kStep;
      less.latents()[i] -= kStep;
      const double by_weight = static_cast<double>(Halves(more)[i] - Halves(less)[i]) / 0.02;
      CHECK(static_cast<double>(by_weights[i]) == doctest::Approx(by_weight).epsilon(0.001));
      const double by_latent = (value(more, beta) - value(less, beta)) / 0.02;
      CHECK(static_cast<double>(by_regularizer[i]) ==
            doctest::Approx(by_latent).epsilon(0.003).scale(0.1));
    }
  }
}

TEST_CASE("what was learned brings the file nearer to FP32, with any number of threads") {
  const Graph graph = Optimized("scores");
  const auto images = Images(512, 3);
  quantize::LayerScheme linear, codebook;
  linear.bits = 3;
  codebook.bits = 2;
  codebook.kind = WeightKind::codebook;
  for (const quantize::LayerScheme& scheme : {linear, codebook}) {
    const quantize::Quantization before = Quantized(graph, scheme, *images);
    quantize::Quantization one = before, three = before;
    Warnings warnings;
    size_t steps = 0;
    const quantize::Progress progress = [&](const std::string&, size_t done, size_t total) {
      CHECK(done <= total);
      ++steps;
    };
    Reconstruct(graph, *images, Small(1), progress, one, warnings);
    Reconstruct(graph, *images, Small(3), {}, three, warnings);
    CHECK(warnings.empty());
    CHECK(steps >= 3 * 200);
    size_t moved = 0;
    for (const auto& [label, weights] : one.weights) {
      CHECK(weights.values == three.weights.at(label).values);
      CHECK(one.bias.at(label) == three.bias.at(label));
      CHECK(weights.scale == before.weights.at(label).scale);
      CHECK(weights.tables == before.weights.at(label).tables);
      moved += weights.values != before.weights.at(label).values ? 1 : 0;
    }
    CHECK(moved > 0);
    CHECK(ErrorOfFile(graph, one) < ErrorOfFile(graph, before));
  }
}

TEST_CASE("too little data, and nothing to round, change nothing and are said") {
  const Graph graph = Optimized();
  const auto few = Images(8, 3), enough = Images(32, 3);
  quantize::LayerScheme floats;
  floats.activations = quantize::ActivationType::float_;
  for (const bool integers : {true, false}) {
    const data::Dataset& data = integers ? *few : *enough;
    const quantize::Quantization before =
        Quantized(graph, integers ? quantize::LayerScheme() : floats, data);
    quantize::Quantization after = before;
    Warnings warnings;
    Reconstruct(graph, data, Small(1), {}, after, warnings);
    REQUIRE(warnings.lines().size() == 1);
    CHECK(warnings.lines()[0].starts_with("--effort high does nothing "));
    for (const auto& [label, weights] : before.weights) {
      CHECK(after.weights.at(label).values == weights.values);
    }
    CHECK(after.bias == before.bias);
  }
}

}  // namespace lutra::converter::train
