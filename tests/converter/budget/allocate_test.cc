// Against trying everything, which settles it for few layers.
#include "converter/budget/allocate.h"

#include <doctest/doctest.h>

#include <limits>
#include <random>

namespace lutra::converter::budget {
namespace {

struct Sum {
  uint64_t bytes = 0;
  double cost = 0;
};

Sum SumOf(const std::vector<std::vector<Option>>& layers, const std::vector<size_t>& chosen) {
  Sum sum;
  for (size_t l = 0; l < layers.size(); ++l) {
    sum.bytes += layers[l][chosen[l]].bytes;
    sum.cost += layers[l][chosen[l]].cost;
  }
  return sum;
}

/// The least cost of all choices that fit; infinity: none does.
double LeastCost(const std::vector<std::vector<Option>>& layers, uint64_t most) {
  double least = std::numeric_limits<double>::infinity();
  std::vector<size_t> chosen(layers.size(), 0);
  for (;;) {
    const Sum sum = SumOf(layers, chosen);
    if (sum.bytes <= most) least = std::min(least, sum.cost);
    size_t l = 0;
    while (l < layers.size() && ++chosen[l] == layers[l].size()) chosen[l++] = 0;
    if (l == layers.size()) return least;
  }
}

std::vector<std::vector<Option>> RandomLayers(std::mt19937& random, uint64_t largest) {
  std::vector<std::vector<Option>> layers(1 + random() % 5);
  for (auto& options : layers) {
    options.resize(1 + random() % 5);
    // Costs are whole numbers, so that sums are exact in any order.
    for (Option& option : options)
      option = {random() % largest, static_cast<double>(random() % 50)};
  }
  return layers;
}

TEST_CASE("few bytes: the least cost of all choices") {
  std::mt19937 random(1);
  for (int turn = 0; turn < 300; ++turn) {
    CAPTURE(turn);
    const auto layers = RandomLayers(random, 100);
    const uint64_t most = random() % 400;
    const double least = LeastCost(layers, most);
    const auto chosen = Allocate(layers, most);
    REQUIRE(chosen.has_value() == std::isfinite(least));
    if (!chosen) continue;
    CHECK(SumOf(layers, *chosen).bytes <= most);
    CHECK(SumOf(layers, *chosen).cost == least);
  }
}

TEST_CASE("many bytes: it fits, and costs no more than what fits in a step less for each layer") {
  std::mt19937 random(2);
  constexpr uint64_t kLarge = 100'000'000;
  for (int turn = 0; turn < 100; ++turn) {
    CAPTURE(turn);
    const auto layers = RandomLayers(random, kLarge);
    const uint64_t most = kLarge + random() % (3 * kLarge);
    const auto chosen = Allocate(layers, most);
    if (!std::isfinite(LeastCost(layers, most))) {
      CHECK(!chosen);
      continue;
    }
    REQUIRE(chosen);
    CHECK(SumOf(layers, *chosen).bytes <= most);
    const uint64_t spared = (layers.size() + 1) * (most / kSteps + 1);  // the last step is cut
    CHECK(SumOf(layers, *chosen).cost <= LeastCost(layers, most - spared));
  }
}

TEST_CASE("the edges") {
  const std::vector<std::vector<Option>> layers = {{{10, 1}, {4, 5}}, {{8, 2}, {8, 2}, {3, 2}}};
  CHECK(!Allocate(layers, 6));
  CHECK(*Allocate(layers, 7) == std::vector<size_t>{1, 2});
  CHECK(*Allocate(layers, 12) == std::vector<size_t>{1, 2});
  // Of equal costs the fewest bytes, though there is room.
  CHECK(*Allocate(layers, 1'000'000) == std::vector<size_t>{0, 2});
  CHECK(*Allocate({}, 0) == std::vector<size_t>{});
}

}  // namespace
}  // namespace lutra::converter::budget
