#include "converter/weight_histogram.h"

#include <doctest/doctest.h>

#include <numeric>

#include "converter/report/report.h"

namespace lutra::converter {
namespace {

// y = x W with two outputs of two weights; Gemm's W is [k][n].
Graph Network(const std::vector<float>& weights) {
  Graph graph;
  graph.inputs = {"x"};
  graph.outputs = {"y"};
  graph.initializers["w"] = Tensor::Of({2, 2}, weights);
  Node node;
  node.op = "Gemm";
  node.inputs = {"x", "w"};
  node.outputs = {"y"};
  graph.nodes.push_back(node);
  return graph;
}

quantize::QuantizedWeights Codebook(std::vector<float> scale) {
  return {.n = 2,
          .k = 2,
          .bits = 2,
          .values = {-4, 0, 0, 2},
          .scale = std::move(scale),
          .zero_point = {},
          .tables = {-4, 0, 2, 2},
          .table_channels = 2};
}

WeightHistogram Of(const Graph* before, const Graph& graph, quantize::QuantizedWeights weights) {
  quantize::Quantization quantization;
  quantization.weights["y"] = std::move(weights);
  return MakeWeightHistograms(before, graph, quantization).at("y");
}

size_t BinOf(const WeightHistogram& histogram, double value) {
  return static_cast<size_t>((value - histogram.low) / (histogram.high - histogram.low) *
                             WeightHistogram::kBins);
}

TEST_CASE("channels of one scale show real values, others steps of their scales") {
  // Output 0 has the weights -2 and 0, output 1 has 0.25 and 1.
  const Graph graph = Network({-2, 0.25F, 0, 1});
  const WeightHistogram real = Of(nullptr, graph, Codebook({0.5F, 0.5F}));
  CHECK(!real.in_steps);
  CHECK(real.weights == 4);
  CHECK(real.zeros_before == 1);
  CHECK(real.zeros() == 2);
  CHECK(real.low == -2);
  CHECK(real.high == 1);
  CHECK(std::accumulate(real.before.begin(), real.before.end(), uint64_t{0}) == 3);
  CHECK(real.before.front() == 1);
  CHECK(real.before[BinOf(real, 0.25)] == 1);
  CHECK(real.before.back() == 1);  // the highest value belongs to the last bin
  REQUIRE(real.levels.size() == 3);
  CHECK(real.levels[0].value == -2);
  CHECK(real.levels[2].value == 1);
  CHECK(real.levels[2].count == 1);

  // -2 is four steps of 0.5 from 0, 0.25 and 1 are one and four of 0.25.
  const WeightHistogram steps = Of(nullptr, graph, Codebook({0.5F, 0.25F}));
  CHECK(steps.in_steps);
  CHECK(steps.low == -4);
  CHECK(steps.high == 4);
  CHECK(steps.before[BinOf(steps, 1)] == 1);
  CHECK(steps.levels[0].value == -4);
  CHECK(steps.levels[2].value == 2);
}

TEST_CASE("after training the histogram is of the weights before, and zero points are taken off") {
  const Graph first = Network({-8, 4, 4, 8}), trained = Network({-2, 0, 0, 1});
  const WeightHistogram histogram = Of(&first, trained, Codebook({0.5F, 0.5F}));
  CHECK(histogram.low == -8);
  CHECK(histogram.high == 8);
  CHECK(histogram.zeros_before == 0);
  CHECK(histogram.before[BinOf(histogram, 4)] == 2);

  const WeightHistogram shifted = Of(nullptr, trained,
                                     {.n = 2,
                                      .k = 2,
                                      .bits = 8,
                                      .values = {-124, -120, 3, 5},
                                      .scale = {0.5F, 0.5F},
                                      .zero_point = {-120, 3}});
  REQUIRE(shifted.levels.size() == 3);
  CHECK(shifted.levels[0].value == -2);
  CHECK(shifted.levels[1].count == 2);
  CHECK(shifted.levels[2].value == 1);
}

TEST_CASE("the page has a figure for each layer with weights, and not for more than it can hold") {
  ConvertReport report;
  const Graph graph = Network({-2, 0.25F, 0, 1});
  for (int i = 0; i < 100; ++i) {
    evaluate::LayerReport layer;
    layer.name = "l<" + std::to_string(i);
    layer.scheme = "codebook2";
    layer.fp32_bytes = i == 50 ? 0 : 16;  // 50: what prepares its input
    report.weight_histograms[layer.name] = Of(nullptr, graph, Codebook({0.5F, 0.5F}));
    report.layers.push_back(layer);
  }
  const auto count = [](const std::string& text, const std::string& part) {
    size_t found = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
      ++found;
    }
    return found;
  };
  std::string html = report::ConvertHtml(report, "net");
  CHECK(count(html, "<figure>") == 64);
  CHECK(html.find("The 64 largest of 99 layers.") != std::string::npos);
  CHECK(count(html, "<details>") == 1);
  CHECK(html.find("l<0") == std::string::npos);

  report.layers.resize(2);
  html = report::ConvertHtml(report, "net");
  CHECK(count(html, "<figure>") == 2);
  CHECK(count(html, "<details>") == 0);
  CHECK(html.find("<title>l&lt;0, codebook2</title><desc>Weights from -2 to 1; 3 values: -2 "
                  "(25.0 %), 0 (50.0 %), 1 (25.0 %).</desc>") != std::string::npos);
  CHECK(html.find("4 weights, 3 values; zeros 25.0 &rarr; 50.0 %") != std::string::npos);
  // 424 units are 3 wide: the marks of -2, 0 and 1.
  CHECK(html.find("d=\"M8.0 120v8M290.7 120v8M432.0 120v8\"") != std::string::npos);
  report.weight_histograms.clear();
  CHECK(report::ConvertHtml(report, "net").find("<figure>") == std::string::npos);
}

}  // namespace
}  // namespace lutra::converter
