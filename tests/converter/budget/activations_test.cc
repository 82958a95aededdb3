// Which value needs more than 8 bits, in a network where it is known.
#include "converter/budget/activations.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "converter/budget/small_network.h"
#include "converter/error.h"
#include "converter/lower/lower.h"

namespace lutra::converter::budget {
namespace {

constexpr int64_t kWidth = 8;

// One element of h is about 200 times as large as the others, and nothing reads it: in int8 the
// others are two steps wide, while x and y have all of theirs.
struct OneLargeElement {
  Graph graph;
  train::GivenSamples data;
  Schemes schemes;

  OneLargeElement() {
    std::mt19937 random(7);
    const auto uniform = [&] { return static_cast<float>(random() % 2001) / 1000 - 1; };
    std::vector<float> first, second;
    for (int64_t i = 0; i < kWidth * kWidth; ++i) {
      first.push_back(i < kWidth ? (i == 0 ? 200.0F : 0.0F) : uniform() / 2);
      second.push_back(i % kWidth == 0 ? 0.0F : uniform() / 2);
    }
    graph = TwoLayers(/*both_outputs=*/false, kWidth, first, second);
    for (const Node& node : graph.nodes) schemes[node.Label()] = {};
    for (int sample = 0; sample < 12; ++sample) {
      std::vector<float> x;
      for (int64_t i = 0; i < kWidth; ++i) x.push_back(uniform());
      data.Add({kWidth}, x, -1);
    }
  }

  Raised Raise(double db, std::function<bool()> stop = {}) {
    Warnings warnings;
    const Build build = [this](const quantize::Quantization& quantization) {
      return lowering::Lower(graph, quantization, {}).writer.Finish();
    };
    return RaiseActivations(graph, schemes, {db, std::move(stop)}, data, build, {}, warnings);
  }
};

TEST_CASE("the value that int8 ruins is found, and no other is taken") {
  OneLargeElement bench;
  const Raised raised = bench.Raise(30);
  CHECK(raised.report.int8_db < 15);
  CHECK(raised.report.reached_db >= 30);
  CHECK(raised.report.samples == 6);
  CHECK(raised.report.values == 3);
  REQUIRE(raised.report.chosen.size() == 1);
  CHECK(raised.report.chosen[0].name == "h");
  CHECK(raised.report.chosen[0].gain > 0.9);
  CHECK(raised.report.chosen[0].products == 2);
  for (const char* label : {"h", "y"}) {
    CHECK(raised.schemes.at(label).activations == quantize::ActivationType::wide);
    CHECK(raised.schemes.at(label).HasIntegers());
  }
}

TEST_CASE("a goal that int8 reaches changes nothing") {
  OneLargeElement bench;
  const Raised raised = bench.Raise(-30);
  CHECK(raised.report.chosen.empty());
  CHECK(raised.schemes == bench.schemes);
}

TEST_CASE("where weights limit, layers become float; what no layer reaches is an error") {
  OneLargeElement bench;
  const Raised raised = bench.Raise(55);
  CHECK(raised.report.reached_db >= 55);
  CHECK_FALSE(raised.report.float_layers.empty());
  CHECK(std::ranges::any_of(
      raised.schemes, [](const auto& entry) { return entry.second.kind == WeightKind::fp16; }));
  CHECK_THROWS_WITH_AS(bench.Raise(150), doctest::Contains("--min-sqnr: the outputs come to"),
                       Error);
  // Who has had enough gets the best so far.
  CHECK_NOTHROW(bench.Raise(150, [] { return true; }));
}

}  // namespace
}  // namespace lutra::converter::budget
