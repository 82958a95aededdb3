// The costs of two layers against arithmetic by hand.
#include "converter/budget/sensitivity.h"

#include <doctest/doctest.h>

#include <cmath>

#include "converter/budget/small_network.h"
#include "converter/quantize/weight_quantizer.h"

namespace lutra::converter::budget {
namespace {

using quantize::LayerScheme;

LayerScheme FloatActivations(int bits) {
  LayerScheme scheme;
  scheme.bits = bits;
  scheme.activations = quantize::ActivationType::float_;
  return scheme;
}

double ErrorBySignal(const std::vector<double>& exact, const std::vector<double>& actual) {
  double noise = 0, signal = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    noise += (exact[i] - actual[i]) * (exact[i] - actual[i]);
    signal += exact[i] * exact[i];
  }
  return noise / signal;
}

struct Bench {
  Graph graph;
  std::unique_ptr<train::GivenSamples> data = FourSamples();
  quantize::Calibration calibration;
  std::vector<Candidates> layers;
  std::unique_ptr<WeightStore> store;
  std::unique_ptr<HeldOut> held_out;

  explicit Bench(bool both_outputs) : graph(TwoLayers(both_outputs)) {
    Schemes schemes;
    for (const Node& node : graph.nodes) {
      schemes[node.Label()] = FloatActivations(8);
      layers.push_back({&node, {FloatActivations(8), FloatActivations(3), FloatActivations(2)}});
    }
    Warnings warnings;
    calibration = quantize::CalibrateGraph(graph, schemes, nullptr, {}, warnings);
    store = std::make_unique<WeightStore>(graph, calibration, coding::Codec::none);
    held_out = std::make_unique<HeldOut>(graph, *data, quantize::Progress());
  }

  std::vector<float> Real(size_t layer, size_t scheme) {
    return quantize::Dequantize(
        store->Get(*layers[layer].node, layers[layer].schemes[scheme])->weights);
  }
};

TEST_CASE("one layer in its integers, the other in float: mean error by signal over the outputs") {
  Bench bench(true);
  CHECK(!bench.held_out->classifier());
  const auto costs =
      MeasureSensitivities(bench.graph, bench.layers, *bench.held_out, 4, *bench.store, {}, {});
  REQUIRE(costs.size() == 2);
  for (size_t scheme = 0; scheme < 3; ++scheme) {
    double first = 0, second = 0;
    for (const data::Sample& sample : bench.data->samples) {
      const auto x = sample.input.as<float>();
      const std::vector<double> input = {static_cast<double>(x[0]), static_cast<double>(x[1])};
      const auto h = Product(kFirst, input), y = Product(kSecond, h);
      const auto h1 = Product(bench.Real(0, scheme), input);
      first += ErrorBySignal(h, h1) / 2 + ErrorBySignal(y, Product(kSecond, h1)) / 2;
      second += ErrorBySignal(y, Product(bench.Real(1, scheme), h)) / 2;
    }
    CHECK(costs[0][scheme] == doctest::Approx(first / 4).epsilon(1e-3));
    CHECK(costs[1][scheme] == doctest::Approx(second / 4).epsilon(1e-3));
  }
  CHECK(costs[0][0] < costs[0][1]);
  CHECK(costs[0][1] < costs[0][2]);
}

TEST_CASE("of a classifier: the Kullback-Leibler divergence of its probabilities") {
  Bench bench(false);
  CHECK(bench.held_out->classifier());
  const auto costs =
      MeasureSensitivities(bench.graph, bench.layers, *bench.held_out, 4, *bench.store, {}, {});
  double sum = 0;
  for (const data::Sample& sample : bench.data->samples) {
    const auto x = sample.input.as<float>();
    const auto h = Product(kFirst, {static_cast<double>(x[0]), static_cast<double>(x[1])});
    const auto exact = Product(kSecond, h), actual = Product(bench.Real(1, 2), h);
    // Logits of deviations below 2 are taken as they are.
    const double p = 1 / (1 + std::exp(exact[1] - exact[0]));
    const double q = 1 / (1 + std::exp(actual[1] - actual[0]));
    sum += p * std::log(p / q) + (1 - p) * std::log((1 - p) / (1 - q));
  }
  CHECK(costs[1][2] == doctest::Approx(sum / 4).epsilon(1e-3));
}

TEST_CASE("large weights take no samples away, large values do") {
  Bench bench(true);
  const std::vector<int64_t> wide = {1, int64_t{1} << 26};
  bench.graph.values["w"] = {DataType::float32, wide};
  CHECK(SensitivitySamples(bench.graph, bench.layers, *bench.held_out) == 4);
  bench.graph.values["h"] = {DataType::float32, wide};
  CHECK(SensitivitySamples(bench.graph, bench.layers, *bench.held_out) == 1);
}

TEST_CASE("the user has had enough") {
  Bench bench(true);
  size_t asked = 0;
  CHECK_THROWS_AS(MeasureSensitivities(bench.graph, bench.layers, *bench.held_out, 4, *bench.store,
                                       {}, [&] { return ++asked == 3; }),
                  Stopped);
}

TEST_CASE("a sparsity takes the smallest weights, in every scheme") {
  Bench bench(true);
  for (const WeightKind type : {WeightKind::linear, WeightKind::codebook}) {
    for (int bits = 2; bits <= 4; ++bits) {
      LayerScheme scheme = FloatActivations(bits);
      scheme.kind = type;
      scheme.sparsity = 0.5;
      const Node& node = *bench.layers[0].node;
      const std::vector<int8_t> values = bench.store->Get(node, scheme)->weights.values;
      // 0.9, -0.31, 0.17, 0.55
      CHECK(values[0] > 0);
      CHECK(values[1] == 0);
      CHECK(values[2] == 0);
      CHECK(values[3] > 0);
    }
  }
}

TEST_CASE("bytes of a layer differ by its integers alone") {
  Bench bench(true);
  Graph graph;
  graph.inputs = {"x"};
  graph.outputs = {"y"};
  graph.values["x"] = {DataType::float32, std::vector<int64_t>{1, 64}};
  graph.values["y"] = {DataType::float32, std::vector<int64_t>{1, 64}};
  graph.initializers["w"] = Tensor::Of({64, 64}, std::vector<float>(4096, 0.5F));
  Node& node = graph.nodes.emplace_back();
  node.op = "Gemm";
  node.inputs = {"x", "w"};
  node.outputs = {"y"};
  node.attributes["transB"] = int64_t{1};
  quantize::Calibration calibration;
  calibration.quantization.schemes["y"] = FloatActivations(8);
  WeightStore store(graph, calibration, coding::Codec::none);
  const uint64_t most = store.Bytes(graph.nodes[0], FloatActivations(8));
  CHECK(most > 4096);
  CHECK(most - store.Bytes(graph.nodes[0], FloatActivations(4)) == 4096 / 2);
  // All weights are the same: a code makes nearly nothing of them.
  WeightStore coded(graph, calibration, coding::Codec::best);
  CHECK(coded.Bytes(graph.nodes[0], FloatActivations(8)) < most - 3500);
}

}  // namespace
}  // namespace lutra::converter::budget
