// Choices for a network of two layers, whose files are really built and run.
#include "converter/budget/search.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "converter/budget/small_network.h"
#include "converter/error.h"
#include "converter/lower/lower.h"

namespace lutra::converter::budget {
namespace {

struct TwoLayerBudget {
  Graph graph;
  std::unique_ptr<train::GivenSamples> data = FourSamples();
  Schemes schemes;
  Warnings warnings;

  TwoLayerBudget() : graph(TwoLayers(false)) {
    for (const Node& node : graph.nodes) {
      schemes[node.Label()].activations = quantize::ActivationType::float_;
    }
  }

  std::vector<uint8_t> File(const quantize::Quantization& quantization) const {
    return lowering::Lower(graph, quantization, {}).writer.Finish();
  }
  Search For(Limits limits, const std::set<std::string>& fixed = {}) {
    return {graph,
            schemes,
            fixed,
            std::move(limits),
            *data,
            coding::Codec::none,
            [this](const quantize::Quantization& quantization) { return File(quantization); },
            {},
            warnings};
  }
  uint64_t Int8Bytes() const {
    Warnings unused;
    return File(quantize::QuantizeGraph(graph, schemes, nullptr, {}, unused)).size();
  }
};

const Trial& ChosenOf(const Report& report) {
  return *std::ranges::find(report.trials, true, &Trial::chosen);
}

TEST_CASE("with room for all bits, all are taken; no scheme is for less than the least") {
  TwoLayerBudget bench;
  Search search = bench.For({.max_size = bench.Int8Bytes()});
  search.Run();
  const Report report = search.Describe();
  CHECK(report.calibration == 2);
  CHECK(report.held_out == 2);
  CHECK(ChosenOf(report).bytes <= bench.Int8Bytes());
  CHECK(report.layers.size() == 2);
  CHECK_THROWS_WITH_AS(search.Tighter(600), doctest::Contains("600 bytes larger"), Error);
  CHECK(bench.warnings.lines().at(0).find("chosen on 2 samples only") != std::string::npos);
}

TEST_CASE("what is given stays") {
  TwoLayerBudget bench;
  bench.schemes.at("h").bits = 5;
  Search search = bench.For({.max_size = bench.Int8Bytes()}, {"h"});
  const Schemes chosen = search.Run();
  CHECK(chosen.at("h").bits == 5);
  CHECK(search.Describe().layers[0].fixed);
  CHECK(!search.Describe().layers[1].fixed);
  CHECK_THROWS_WITH_AS(bench.For({.max_size = 100}, {"h", "y"}),
                       doctest::Contains("there is nothing to choose"), Error);
}

TEST_CASE("too small a size, and having had enough") {
  TwoLayerBudget bench;
  Search small = bench.For({.max_size = 100});
  CHECK_THROWS_WITH_AS(small.Run(), doctest::Contains("the smallest file of this network has"),
                       Error);
  Search stopped = bench.For({.max_size = 100'000, .stop = [] { return true; }});
  CHECK_THROWS_WITH_AS(stopped.Run(), doctest::Contains("stopped before there was a model"), Error);
}

TEST_CASE("stopped later: the best so far, with a warning") {
  TwoLayerBudget bench;
  size_t asked = 0;
  Search search = bench.For({.max_size = 100'000, .stop = [&] { return ++asked > 12; }});
  search.Run();
  CHECK(search.Describe().stopped);
  CHECK(ChosenOf(search.Describe()).bytes <= 100'000);
  CHECK(bench.warnings.lines().at(0).find("stopped early") != std::string::npos);
}

}  // namespace
}  // namespace lutra::converter::budget
