// Which layer gets zeros, of a network whose layers are made so that it is plain.
#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "converter/budget/search.h"
#include "converter/budget/small_network.h"
#include "converter/coding/encode_model.h"
#include "converter/error.h"
#include "converter/lower/lower.h"
#include "converter/train/given_samples.h"
#include "support/random_numbers.h"

namespace lutra::converter::budget {
namespace {

using quantize::LayerScheme;

constexpr size_t kSize = 64, kSmall = 2867;  // 0.7 of a layer's weights, rounded

// y = V h, h = W x. Of W's weights seven in ten are 0.1, the others 1, of any sign; those of V are
// all 0.5. So 2 bits hold W and 1 bit holds V exactly; without its small weights W lacks 0.7 * 0.01
// of 0.7 * 0.01 + 0.3 squared, 2 %; 1 bit for W, or a part of V taken away, costs tens of percent.
struct TwoKinds {
  Graph graph;
  train::GivenSamples data;
  Schemes schemes;
  Warnings warnings;

  TwoKinds() {
    test::RandomNumbers random(3);
    const auto signs = [&](std::vector<float> magnitudes) {
      for (float& x : magnitudes) x = random.Real(-1, 1) < 0 ? -x : x;
      return magnitudes;
    };
    std::vector<float> w(kSize * kSize, 1.0F);
    for (size_t i = 0; i < kSmall; ++i) w[i * 1237 % w.size()] = 0.1F;  // 1237 is prime
    graph = TwoLayers(true, kSize, signs(w), signs(std::vector<float>(kSize * kSize, 0.5F)));
    for (const char* layer : {"h", "y"}) schemes[layer] = Codebook(2);
    // Several times as many as inputs, half of which calibrate: rounding shall not fit them alone.
    for (int i = 0; i < 800; ++i) {
      std::vector<float> x(kSize);
      for (float& value : x) value = random.Real(-1, 1);
      data.Add({kSize}, std::move(x), i % 2);
    }
  }

  static LayerScheme Codebook(int bits, double sparsity = 0) {
    LayerScheme scheme;
    scheme.kind = WeightKind::codebook;
    scheme.bits = bits;
    scheme.activations = quantize::ActivationType::float_;
    scheme.sparsity = sparsity;
    return scheme;
  }
  std::vector<uint8_t> File(const quantize::Quantization& quantization) const {
    lowering::LoweredModel lowered = lowering::Lower(graph, quantization, {});
    encoding::EncodeModel(&lowered.writer, coding::Codec::best);
    return lowered.writer.Finish();
  }
  uint64_t Bytes(const LayerScheme& w, const LayerScheme& v) const {
    Warnings unused;
    return File(quantize::QuantizeGraph(graph, {{"h", w}, {"y", v}}, nullptr, {}, unused)).size();
  }
  Search For(uint64_t bytes, std::function<bool()> stop = {}) {
    return {graph,
            schemes,
            {},
            {.max_size = bytes, .weights_given = true, .stop = std::move(stop)},
            data,
            coding::Codec::best,
            [this](const quantize::Quantization& quantization) { return File(quantization); },
            {},
            warnings};
  }
};

TEST_CASE("the layer whose small weights do not matter loses them, the other none") {
  TwoKinds network;
  const uint64_t wanted =
      network.Bytes(TwoKinds::Codebook(2, 0.7), TwoKinds::Codebook(1)) + 64;  // alignment
  // What is exact is too large, and what else fits is worse.
  REQUIRE(wanted < network.Bytes(TwoKinds::Codebook(2), TwoKinds::Codebook(1)));
  REQUIRE(wanted > network.Bytes(TwoKinds::Codebook(1), TwoKinds::Codebook(1)));
  Search before = network.For(wanted);
  network.schemes = before.Sparsities();
  CHECK(network.schemes.at("h").sparsity == 0.7);
  CHECK(network.schemes.at("y").sparsity == 0);
  CHECK(before.SparsityCosts().size() == 1);
  CHECK(before.SparsityCosts().at("h") > 0.01);
  CHECK(before.SparsityCosts().at("h") < 0.03);
  // The search for schemes keeps the zeros, and the size.
  Search search = network.For(wanted);
  const Schemes chosen = search.Run();
  CHECK(chosen.at("h") == TwoKinds::Codebook(2, 0.7));
  CHECK(network.Bytes(chosen.at("h"), chosen.at("y")) <= wanted);
  const Report report = search.Describe();
  CHECK(report.layers[0].sparsity == 0.7);
  CHECK(report.layers[1].sparsity == 0);
}

TEST_CASE("no zeros: with room for exact weights, for those that are given, when stopped") {
  TwoKinds network;
  const uint64_t exact = network.Bytes(TwoKinds::Codebook(2), TwoKinds::Codebook(1)) + 64;
  CHECK(network.For(exact).Sparsities() == network.schemes);
  CHECK(network.warnings.lines().empty());
  CHECK(network.For(exact / 2, [] { return true; }).Sparsities() == network.schemes);
  CHECK(network.warnings.lines().at(0).find("stopped before") != std::string::npos);
  CHECK_THROWS_WITH_AS(network.For(100).Sparsities(),
                       doctest::Contains("--max-size 100: the smallest file of this network has"),
                       Error);
}

TEST_CASE("had enough before there is a model: the first one that fits") {
  TwoKinds network;
  const uint64_t exact = network.Bytes(TwoKinds::Codebook(2), TwoKinds::Codebook(1)) + 64;
  Search search(
      network.graph, network.schemes, {},
      {.max_size = exact, .weights_given = true, .stop = [] { return true; }, .at_least_one = true},
      network.data, coding::Codec::best,
      [&](const quantize::Quantization& quantization) { return network.File(quantization); }, {},
      network.warnings);
  const Schemes chosen = search.Run();
  CHECK(network.Bytes(chosen.at("h"), chosen.at("y")) <= exact);
  CHECK(search.Describe().stopped);
}

}  // namespace
}  // namespace lutra::converter::budget
