// Grids and masks by hand-made numbers: scale 0.5, levels of 3 bits, a codebook of 4 entries.
#include "converter/train/trained_weight.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace lutra::converter::train {
namespace {

using Floats = std::vector<float>;

Floats Values(const Tensor& tensor) {
  const auto values = tensor.as<float>();
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("linear weights round to the nearest level and clamp at the last") {
  const WeightGrid grid = WeightGrid::Linear(3, {0.5F, 2.0F});
  const Floats latent = {0.2F, 0.3F, -0.8F, 1.7F, -9.0F, /* scale 2: */ 0.9F,
                         1.1F, 3.5F, -6.9F, 7.0F};
  Floats weight(10);
  const ChannelAxis axis{.count = 2, .inner = 5};
  grid.Apply(latent, axis, weight);
  CHECK(weight == Floats{0, 0.5F, -1, 1.5F, -1.5F, 0, 2, 4, -6, 6});
  // Straight through inside; beyond the last level the weight does not move.
  Floats gradient = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const WeightGrid::Gradients by = grid.Backward(latent, axis, gradient);
  CHECK(gradient == Floats{1, 2, 3, 0, 0, 6, 7, 8, 0, 0});
  // Inside level - latent / scale, beyond the level itself.
  CHECK(by.scale[0] ==
        doctest::Approx(1 * (0 - 0.4) + 2 * (1 - 0.6) + 3 * (-2 + 1.6) + 4 * 3 - 5 * 3));
  CHECK(by.scale[1] ==
        doctest::Approx(6 * (0 - 0.45) + 7 * (1 - 0.55) + 8 * (2 - 1.75) - 9 * 3 + 10 * 3));
  CHECK(by.entries.empty());
}

TEST_CASE("every number goes to its nearest entry") {
  for (int highest : {1, 7, 127}) {
    const WeightGrid grid = WeightGrid::Linear(highest, {1});
    for (float x = -130; x < 130; x += 0.0625F) {
      const float exact = std::clamp(x, -static_cast<float>(highest), static_cast<float>(highest));
      CHECK(std::abs(static_cast<float>(grid.Nearest(0, x)) - exact) <= 0.5F);
    }
  }
  const std::vector<int8_t> table = {-40, -5, 0, 22};
  const WeightGrid grid = WeightGrid::Codebook(table, 1, {1});
  for (float x = -60; x < 60; x += 0.25F) {
    float nearest = 1000;
    for (const int8_t entry : table)
      nearest = std::min(nearest, std::abs(x - static_cast<float>(entry)));
    CHECK(std::abs(x - static_cast<float>(grid.Nearest(0, x))) == nearest);
  }
}

TEST_CASE("a codebook's entries gather the gradients of their weights; 0 stays 0") {
  // Two channels with a table each.
  const std::vector<int8_t> tables = {-10, 0, 10, 20, -8, -2, 2, 8};
  WeightGrid grid = WeightGrid::Codebook(tables, 1, {0.1F, 1});
  const Floats latent = {-1.2F, 0.04F, 1.1F, 1.9F, 1, -3, 3, 100};
  Floats weight(8);
  grid.Apply(latent, {2, 4}, weight);
  const Floats expected = {-1, 0, 1, 2, 2, -2, 2, 8};
  for (size_t i = 0; i < weight.size(); ++i) CHECK(weight[i] == doctest::Approx(expected[i]));
  Floats gradient = {1, 2, 3, 4, 5, 6, 7, 8};
  const WeightGrid::Gradients by = grid.Backward(latent, {2, 4}, gradient);
  const Floats by_entries = {0.1F * 1, 0, 0.1F * 3, 0.1F * 4, 0, 6, 5 + 7, 8};
  REQUIRE(by.entries.size() == by_entries.size());
  for (size_t i = 0; i < by_entries.size(); ++i) {
    CHECK(by.entries[i] == doctest::Approx(by_entries[i]));
  }
  CHECK(gradient == Floats{0, 2, 3, 4, 5, 6, 7, 0});
  // Executed are integers.
  grid.SetEntries(Floats{-10.4F, 0, 9.4F, 20.6F, -130, -2, 2, 8});
  CHECK(std::ranges::equal(grid.Table(0), std::vector<int8_t>{-10, 0, 9, 21}));
  CHECK(grid.Table(1)[0] == -127);
}

TEST_CASE("units, masks and grids combine") {
  const Tensor weights = Tensor::Of({2, 3}, Floats{4, -2, 1, 0.5F, 0.25F, -0.5F});
  TrainedWeight weight("w", weights, true, {2, 3}, {4, 0.5F});
  CHECK(Values(weight.latents()[0].values) == Floats{1, -0.5F, 0.25F, 1, 0.5F, -1});
  CHECK(Values(weight.Weights()) == Floats{4, -2, 1, 0.5F, 0.25F, -0.5F});
  const Tensor gradient = Tensor::Of({2, 3}, Floats{1, 1, 1, 1, 1, 1});
  CHECK(Values(weight.Backward(gradient)[0]) == Floats{4, 4, 4, 0.5F, 0.5F, 0.5F});

  weight.SetKept({1, 0, 1, 1, 1, 0});
  weight.SetGrid(WeightGrid::Linear(1, {4, 0.5F}));
  // 1 / 4 rounds to 0; 0.25 / 0.5 lies in the middle.
  const Floats constrained = Values(weight.Weights());
  CHECK(constrained[0] == 4);
  CHECK(constrained[1] == 0);
  CHECK(constrained[2] == 0);
  CHECK(constrained[3] == 0.5F);
  CHECK(constrained[5] == 0);
  const std::vector<Tensor> by = weight.Backward(gradient);
  REQUIRE(by.size() == 2);
  CHECK(Values(by[0])[1] == 0);
  CHECK(Values(by[0])[0] == 4);
  // 4 * (1 - 1) of the first, (0 - 0.25) * 4 of the third.
  CHECK(Values(by[1])[0] == doctest::Approx(4 * (0 - 0.25)));
  // What stands behind the mask is still there, for weights that come back.
  CHECK(weight.Real()[1] == -2);
}

}  // namespace lutra::converter::train
