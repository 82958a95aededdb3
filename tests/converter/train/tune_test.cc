// Tuning ends where the runtime begins: the file computes what the tuned network computed.
#include "converter/train/tune.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/lower/lower.h"
#include "converter/passes/graph_builder.h"
#include "converter/passes/passes.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/weight_matrix.h"
#include "converter/quantize/weight_quantizer.h"
#include "converter/runtime_session.h"
#include "converter/train/given_samples.h"
#include "converter/train/points.h"
#include "support/random_numbers.h"

namespace lutra::converter::train {
namespace {

using Ints = std::vector<int64_t>;

/// Images of 2 channels; the class is the channel that is brighter on the left half.
std::unique_ptr<GivenSamples> Images(size_t count) {
  auto images = std::make_unique<GivenSamples>();
  test::RandomNumbers random(9);
  for (size_t i = 0; i < count; ++i) {
    std::vector<float> pixels(2 * 6 * 6);
    double left[2] = {0, 0};
    for (size_t p = 0; p < pixels.size(); ++p) {
      pixels[p] = random.Real(-1, 1);
      if (p % 6 < 3) left[p / 36] += static_cast<double>(pixels[p]);
    }
    images->Add({2, 6, 6}, std::move(pixels), left[1] > left[0] ? 1 : 0);
  }
  return images;
}

/// A convolution, a depthwise one, a pool, a residual, a flattening that permutes the weights of
/// the Gemm behind it. Every layer is an output, so that the runtime shows it.
Graph FusedNetwork() {
  passes::GraphBuilder b;
  b.Input("x", {1, 2, 6, 6});
  b.Add("Conv", {"x", b.Weights("w1", {6, 2, 3, 3}), b.Weights("b1", {6})}, "c1",
        {{"pads", Ints{1, 1, 1, 1}}});
  b.Add("Relu", {"c1"}, "r1");
  b.Add("Conv", {"r1", b.Weights("w2", {6, 1, 3, 3}), b.Weights("b2", {6})}, "c2",
        {{"pads", Ints{1, 1, 1, 1}}, {"group", int64_t{6}}});
  b.Add("Add", {"c2", "r1"}, "sum");
  b.Add("MaxPool", {"sum"}, "pool", {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  b.Add("Flatten", {"pool"}, "flat");
  b.Add("Gemm", {"flat", b.Weights("w3", {54, 2}), b.Weights("b3", {2})}, "y");
  Graph graph = b.Finish({"r1", "c2", "sum", "y"});
  passes::FuseGraph(graph);
  return graph;
}

TuneSettings Settings() {
  TuneSettings settings;
  settings.train.epochs = 4;
  settings.train.batches.size = 16;
  settings.train.optimizer.method = OptimizerSettings::Method::adam;
  settings.train.schedule.rate = 0.002;
  settings.train.validation = 0.25;
  settings.scores = "y";
  settings.threads = 2;
  return settings;
}

struct Tuned {
  Graph fused = FusedNetwork();
  quantize::Quantization quantization;
  std::vector<EpochReport> reports;
  std::vector<std::string> stages;
  double converted = 0;
  Warnings warnings;
  Graph LaidOut() const {
    Graph graph = fused;
    passes::LayOutGraph(graph);
    return graph;
  }
};

Tuned TuneTo(const quantize::LayerScheme& scheme, const TuneSettings& settings) {
  Tuned tuned;
  std::map<std::string, quantize::LayerScheme> schemes;
  for (const Node& node : tuned.LaidOut().nodes) schemes[node.Label()] = scheme;
  const auto images = Images(256);
  TuneLog log;
  log.progress = [](const std::string&, size_t, size_t) {};
  log.stage = [&](const std::string& name) { tuned.stages.push_back(name); };
  log.start = [&](double, double converted) { tuned.converted = converted; };
  log.epoch = [&](const EpochReport& report) {
    tuned.reports.push_back(report);
    return true;
  };
  tuned.quantization = Tune(tuned.fused, schemes, *images, settings, log, tuned.warnings);
  return tuned;
}

quantize::LayerScheme Linear(int bits) {
  quantize::LayerScheme scheme;
  scheme.bits = bits;
  return scheme;
}
quantize::LayerScheme Codebook(int bits) {
  quantize::LayerScheme scheme = Linear(bits);
  scheme.kind = WeightKind::codebook;
  return scheme;
}

/// What stands between the Transpose in front of an output and its other readers becomes an input,
/// by the output's name with "_given".
void GiveLayers(Graph& graph) {
  for (const std::string& output : graph.outputs) {
    const size_t transpose = *graph.Producer(output);
    if (graph.nodes[transpose].op != "Transpose") continue;
    const std::string value = graph.nodes[transpose].inputs[0], given = output + "_given";
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      if (i != transpose) std::ranges::replace(graph.nodes[i].inputs, value, given);
    }
    graph.inputs.push_back(given);
    graph.values[given] = graph.values[value];
  }
}

/// Runs the file and the tuned network with its points on fresh images, each layer of the network
/// on what the file gave for the layers before. The results are at most one step of the layer's
/// scale apart: float32 sums and integer ones, with their rounded bias, may round to two sides of a
/// tie.
void CheckRuntime(const Tuned& tuned) {
  const Graph graph = tuned.LaidOut();
  lowering::LoweredModel lowered = lowering::Lower(graph, tuned.quantization, {});
  const std::vector<uint8_t> file = lowered.writer.Finish();
  RuntimeSession session(file, "tuned");
  Graph rounded = graph;
  InsertPoints(tuned.quantization, rounded);
  GiveLayers(rounded);
  executor::FloatExecutor executor(rounded);
  const auto images = Images(300);
  double furthest = 0;  // in steps
  size_t compared = 0, apart = 0;
  for (size_t i = 256; i < 300; ++i) {
    const Tensor x = images->samples[i].input.Reshaped({1, 2, 6, 6});
    session.Run({x});
    executor::TensorMap inputs{{"x", x}};
    for (size_t o = 0; o < graph.outputs.size(); ++o) {
      const std::string given = rounded.outputs[o] + "_given";
      if (std::ranges::find(rounded.inputs, given) == rounded.inputs.end()) continue;
      Node transpose;
      transpose.op = "Transpose";
      transpose.outputs = {"nhwc"};
      transpose.attributes["perm"] = Ints{0, 2, 3, 1};
      inputs.emplace(given, executor::ExecuteNode(transpose, {session.Output(o)})[0]);
    }
    CHECK(inputs.size() == 4);
    const executor::TensorMap expected = executor.Run(inputs);
    // Outputs stand in the order of the layers.
    for (size_t o = 0; o < graph.outputs.size(); ++o) {
      const Tensor y = session.Output(o);
      const Tensor& wanted = expected.at(rounded.outputs[o]);
      const std::string& name = graph.outputs[o];
      const quantize::QuantParams* params = tuned.quantization.Params(name);
      if (params == nullptr) params = tuned.quantization.Params(name + "_nhwc");
      REQUIRE_MESSAGE(params != nullptr, name);
      REQUIRE(y.elements() == wanted.elements());
      for (size_t e = 0; e < y.elements(); ++e) {
        const double difference = std::abs(static_cast<double>(y.as<float>()[e]) -
                                           static_cast<double>(wanted.as<float>()[e]));
        const double steps = difference / static_cast<double>(params->scale);
        furthest = std::max(furthest, steps);
        ++compared;
        if (steps > 0.5) ++apart;
      }
    }
  }
  CHECK(furthest < 1.01);
  CHECK(compared == 44 * (3 * 6 * 6 * 6 + 2));
  // A bias is off by half of its unit at most, a few hundredths of a step.
  CHECK(apart < compared / 20);
}

/// The integers of the quantization are the weights in the graph, not near them.
void CheckWeights(const Tuned& tuned) {
  const Graph graph = tuned.LaidOut();
  CHECK(tuned.quantization.weights.size() == 3);
  for (const auto& [label, weights] : tuned.quantization.weights) {
    const auto node = std::ranges::find(graph.nodes, label, &Node::Label);
    const std::vector<float> real = quantize::ReadWeightMatrix(graph, *node).values;
    const std::vector<float> integers = quantize::Dequantize(weights);
    for (size_t i = 0; i < real.size(); ++i) {
      CHECK(std::abs(real[i] - integers[i]) <= 1e-6F * std::abs(real[i]));
    }
    const int highest = (1 << (weights.bits - 1)) - 1;
    for (size_t i = 0; i < weights.values.size(); ++i) {
      if (weights.tables.empty()) {
        CHECK(std::abs(weights.values[i]) <= highest);
      } else {
        const auto table = weights.Table(i / weights.k);
        CHECK(std::ranges::find(table, weights.values[i]) != table.end());
        CHECK(std::ranges::is_sorted(table));
      }
    }
  }
}

}  // namespace

TEST_CASE("what was tuned is what runs") {
  for (const quantize::LayerScheme& scheme : {Linear(8), Linear(3), Codebook(2), Codebook(4)}) {
    CAPTURE(scheme.bits);
    const Tuned tuned = TuneTo(scheme, Settings());
    CHECK(tuned.reports.size() == 4);
    CheckWeights(tuned);
    CheckRuntime(tuned);
  }
}

TEST_CASE("one scale for the tensor stays one") {
  for (quantize::LayerScheme scheme : {Linear(4), Codebook(3)}) {
    scheme.granularity = Granularity::tensor;
    TuneSettings settings = Settings();
    settings.train.validation = 0;  // the last epoch counts
    const Tuned tuned = TuneTo(scheme, settings);
    CheckWeights(tuned);
    CheckRuntime(tuned);
    for (const auto& [label, weights] : tuned.quantization.weights) {
      CHECK(std::ranges::count(weights.scale, weights.scale[0]) ==
            static_cast<ptrdiff_t>(weights.scale.size()));
    }
  }
}

TEST_CASE("tuning learns, and is never worse than plain conversion") {
  TuneSettings settings = Settings();
  settings.train.epochs = 25;
  settings.train.schedule.rate = 0.02;
  settings.train.teacher_share = 0;
  const Tuned tuned = TuneTo(Linear(2), settings);
  CHECK(tuned.reports.back().loss < 0.8 * tuned.reports.front().loss);
  double best = tuned.converted;
  for (const EpochReport& report : tuned.reports) best = std::max(best, report.validation_accuracy);
  CHECK(best > tuned.converted + 0.1);
}

TEST_CASE("step sizes of activations are learned, and shared where values are only moved") {
  const auto scales = [](bool learned) {
    TuneSettings settings = Settings();
    settings.learn_steps = learned;
    settings.train.schedule.rate = 0.02;
    settings.train.schedule.shape = Schedule::Shape::constant;
    settings.train.validation = 0;  // the last epoch counts
    const Tuned tuned = TuneTo(Linear(3), settings);
    CheckRuntime(tuned);
    return tuned.quantization.activations;
  };
  const auto fixed = scales(false), learned = scales(true);
  size_t moved = 0;
  for (const auto& entry : fixed) {
    const std::string& value = entry.first;
    const quantize::QuantParams& params = entry.second;
    CAPTURE(value);
    const quantize::QuantParams& after = learned.at(value);
    CHECK(after.zero_point == params.zero_point);
    CHECK(after.scale > 0);
    const bool input = value.starts_with("x");
    CHECK((after.scale == params.scale) == input);
    if (!input) ++moved;
    // What the pool and the flattening move has the scale of the sum.
    for (const auto& [other, same] : fixed) {
      if (params == same) CHECK(after.scale == learned.at(other).scale);
    }
  }
  CHECK(moved >= 4);
}

TEST_CASE("pruned weights are 0 in the file") {
  TuneSettings settings = Settings();
  settings.prune.sparsity = 0.75;
  settings.prune.every = 3;
  for (const quantize::LayerScheme& scheme : {Linear(4), Codebook(2), Codebook(1)}) {
    const Tuned tuned = TuneTo(scheme, settings);
    CheckWeights(tuned);
    CheckRuntime(tuned);
    for (const auto& [label, weights] : tuned.quantization.weights) {
      const auto zeros = static_cast<size_t>(std::ranges::count(weights.values, 0));
      CHECK(zeros >= weights.values.size() * 3 / 4);
    }
  }
}

TEST_CASE("pruned blocks are 0 in the order of the file, depthwise layers stay whole") {
  TuneSettings settings = Settings();
  settings.prune.sparsity = 0.5;
  settings.prune.every = 3;
  settings.prune.blocks = true;
  const Tuned tuned = TuneTo(Linear(8), settings);
  CheckRuntime(tuned);
  // c1 has 18 columns, c2 nine, y 54: 5, 3 and 14 blocks of four, of one band each.
  std::map<size_t, size_t> empty;
  for (const auto& [label, weights] : tuned.quantization.weights) {
    for (size_t first = 0; first < weights.k; first += 4) {
      bool zero = true;
      for (size_t row = 0; row < weights.n; ++row) {
        for (size_t k = first; k < std::min(first + 4, weights.k); ++k) {
          zero = zero && weights.values[row * weights.k + k] == 0;
        }
      }
      if (zero) ++empty[weights.k];
    }
  }
  CHECK(empty.size() == 2);
  CHECK(empty[18] == 3);
  CHECK(empty[54] == 7);
}

TEST_CASE("layers are pruned as their sparsities say") {
  TuneSettings settings = Settings();
  settings.prune.every = 3;
  // Labels of the laid out graph; the Gemm has 108 weights, the first convolution as many.
  settings.choose_sparsities = [](const Graph& graph,
                                  std::map<std::string, quantize::LayerScheme> schemes) {
    CHECK(graph.nodes.size() == schemes.size());
    schemes.at("y").sparsity = 0.75;
    for (auto& [label, scheme] : schemes) {
      if (label.starts_with("r1")) scheme.sparsity = 0.5;
    }
    return schemes;
  };
  const Tuned tuned = TuneTo(Codebook(2), settings);
  CHECK(tuned.stages == std::vector<std::string>{"pruning", "quantization"});
  std::multiset<double> sparsities;
  CheckWeights(tuned);
  for (const auto& [label, weights] : tuned.quantization.weights) {
    CAPTURE(label);
    const auto zeros = static_cast<size_t>(std::ranges::count(weights.values, 0));
    const double sparsity = label == "y" ? 0.75 : label.starts_with("r1") ? 0.5 : 0;
    CHECK(tuned.quantization.schemes.at(label).sparsity == sparsity);
    sparsities.insert(sparsity);
    CHECK(static_cast<double>(zeros) >= sparsity * 108);
    if (label.starts_with("r1")) CHECK(zeros < 81);
  }
  CHECK(sparsities == std::multiset<double>{0, 0.5, 0.75});
  settings.choose_sparsities = [](const Graph&, auto schemes) { return schemes; };
  settings.train.epochs = 1;
  CHECK(TuneTo(Linear(4), settings).stages.empty());
}

TEST_CASE("schemes are chosen for the zeros that pruning has left") {
  TuneSettings settings = Settings();
  settings.prune.sparsity = 0.5;
  settings.prune.global = true;
  settings.prune.every = 3;
  std::multiset<double> sparsities;
  settings.choose = [&](const Graph& graph, std::map<std::string, quantize::LayerScheme> schemes) {
    for (const Node& node : graph.nodes) {
      if (!quantize::HasWeights(graph, node)) continue;
      const auto weights = graph.Constant(node.inputs[1])->as<float>();
      const auto zeros = static_cast<double>(std::ranges::count(weights, 0.0F));
      CHECK(schemes.at(node.Label()).sparsity * static_cast<double>(weights.size()) ==
            doctest::Approx(zeros));
      sparsities.insert(zeros);
    }
    return schemes;
  };
  TuneTo(Codebook(2), settings);
  CHECK(sparsities.size() == 3);
  CHECK(*sparsities.rbegin() > *sparsities.begin());
}

TEST_CASE(
    "what training makes too long is not kept; plain conversion gets fewer bits until it fits") {
  TuneSettings settings = Settings();
  std::vector<uint64_t> asked;
  quantize::Quantization plain;
  settings.excess = [&](const Graph& graph,
                        const quantize::Quantization& quantization) -> uint64_t {
    const int bits = quantization.schemes.at(graph.nodes[1].Label()).bits;
    if (bits > 2) return 7;
    const bool first = plain.weights.empty();
    if (first) plain = quantization;
    return first ? 0 : 1;
  };
  settings.tighter = [&](uint64_t bytes) {
    asked.push_back(bytes);
    std::map<std::string, quantize::LayerScheme> schemes;
    for (const Node& node : Tuned{}.LaidOut().nodes) schemes[node.Label()] = Linear(2);
    return schemes;
  };
  const Tuned tuned = TuneTo(Linear(4), settings);
  CHECK(asked == std::vector<uint64_t>{7});
  REQUIRE(plain.weights.size() == 3);
  for (const auto& [label, weights] : plain.weights) {
    CHECK(tuned.quantization.weights.at(label).values == weights.values);
  }
  CHECK(std::ranges::none_of(tuned.reports, &EpochReport::best));
  CHECK(tuned.warnings.lines().size() == 1);
  CheckRuntime(tuned);
}

TEST_CASE("the cubic schedule and the smallest magnitudes") {
  PruneSettings settings;
  settings.end = 0.5;  // of the stage
  CHECK(PartAt(settings, 0, 100) == 0);
  CHECK(PartAt(settings, 25, 100) == doctest::Approx(1 - 0.125));
  CHECK(PartAt(settings, 50, 100) == 1);
  CHECK(PartAt(settings, 99, 100) == 1);

  const Tensor small = Tensor::Of({4}, std::vector<float>{0.1F, -0.4F, 0.3F, 0.2F});
  const Tensor large = Tensor::Of({4}, std::vector<float>{10, -1, 20, 9});  // mean 10
  TrainedWeight a("a", small, true), b("b", large, true);
  SetMasks({{&a, 1}, {&b, 1}}, 0.5, false);
  CHECK(a.kept() == Mask{0, 1, 1, 0});
  CHECK(b.kept() == Mask{1, 0, 1, 0});
  // Squares over what is no smaller: of a, ascending by magnitude, 1/30, 4/29, 9/25, 16/16; of b
  // 1/582, 81/581, 100/500, 400/400. The three least are 1/582, 1/30 and 4/29.
  SetMasks({{&a, 0.75}, {&b, 0.75}}, 0.5, true);
  CHECK(a.kept() == Mask{0, 1, 1, 0});
  CHECK(b.kept() == Mask{1, 0, 1, 1});
  // A layer's largest weight has the score 1.
  SetMasks({{&a, 0.75}, {&b, 0.75}}, 1, true);
  CHECK(a.kept() == Mask{0, 1, 0, 0});
  CHECK(b.kept() == Mask{0, 0, 1, 0});
  SetMasks({{&a, 0.75}, {&b, 0.75}}, 0, false);
  CHECK(a.kept() == Mask(4, 1));
  // Each its own.
  SetMasks({{&a, 1}, {&b, 0.5}}, 0.5, false);
  CHECK(a.kept() == Mask{0, 1, 1, 0});
  CHECK(b.kept() == Mask{1, 0, 1, 1});
}

TEST_CASE("bands of blocks lose alike, whole blocks") {
  // Two bands of three blocks of two elements; the second element of a block lies three further.
  PruneBlocks blocks;
  blocks.bands = 2;
  blocks.of_band = 3;
  blocks.block = {0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5};
  TrainedWeight weight(
      "w", Tensor::Of({12}, std::vector<float>{1, 2, 9, 3, 2, 0, 8, 4, 6, 0, 5, 6}), true);
  // Mean squares: 5, 4, 40.5 and 32, 20.5, 36.
  SetMasks({{&weight, 1 / 3.0, &blocks}}, 1, false);
  CHECK(weight.kept() == Mask{1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1});
  // The two smallest are in the first band, yet each loses one.
  SetMasks({{&weight, 1 / 3.0, &blocks}}, 1, true);
  CHECK(weight.kept() == Mask{1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1});
}

TEST_CASE("asymmetric weights are refused by name") {
  quantize::LayerScheme scheme = Linear(4);
  scheme.asymmetric = true;
  CHECK_THROWS_WITH_AS(TuneTo(scheme, Settings()),
                       doctest::Contains("asymmetric weights cannot be tuned"), Error);
}

}  // namespace lutra::converter::train
