// What of two models is called the better one, and what the float network is right about.
#include "converter/budget/held_out.h"

#include <doctest/doctest.h>

#include <cmath>

#include "converter/budget/small_network.h"
#include "converter/error.h"

namespace lutra::converter::budget {
namespace {

size_t Best(const std::vector<Score>& scores) {
  std::vector<const Score*> pointers;
  for (const Score& score : scores) pointers.push_back(&score);
  return BestOf(pointers);
}

TEST_CASE("one sample of difference is chance: the divergence decides") {
  CHECK(Best({{{true, false, true}, 0.1}, {{true, true, true}, 0.2}}) == 0);
  CHECK(Best({{{true, true, true}, 0.2}, {{true, false, true}, 0.1}}) == 1);
}

TEST_CASE("two of two samples that only one is right about are more than chance") {
  CHECK(Best({{{false, false, false}, 0.1}, {{true, true, false}, 0.2}}) == 1);
  // 3 to 1 of 4: a standard deviation is 2, and 3 - 1 is no more.
  CHECK(Best({{{false, false, false, true}, 0.1}, {{true, true, true, false}, 0.2}}) == 0);
}

TEST_CASE("all are compared with the most accurate one") {
  // The second is too far from the third, though the divergence alone is for it.
  CHECK(
      Best({{{true, true, false}, 0.2}, {{true, false, false}, 0.1}, {{true, true, true}, 0.3}}) ==
      0);
}

TEST_CASE("no classifier: the divergence alone") {
  CHECK(Best({{{}, 0.2}, {{}, 0.1}, {{}, 0.3}}) == 1);
  CHECK(std::isnan(Score().Right()));
}

TEST_CASE("a metric decides alone") {
  Score near, good;
  near.divergence = 0.1;
  near.metric = 0.9;
  near.metric_drop = 3;
  good.divergence = 0.2;
  good.metric = 0.95;
  good.metric_drop = -2;
  CHECK(Best({near, good}) == 1);
}

TEST_CASE("a metric is of the held-out targets") {
  const Graph graph = TwoLayers(false);
  auto data = FourSamples();
  CHECK_THROWS_WITH_AS(HeldOut(graph, *data, {}, Metric("mse")),
                       "--metric mse needs targets, but the data has none: give --targets FILE.npy",
                       Error);
  for (data::Sample& sample : data->samples) {
    sample.target = Tensor::Of({2}, std::vector<float>{0.5F, 0});
  }
  // y as below: 0.000001 + 0.272484, 0.007396 + 0.769129, 0.001764 + 0.031329, 0.697225 + 0.543169.
  const HeldOut held_out(graph, *data, {}, Metric("mse"));
  CHECK(*held_out.fp32().metric == doctest::Approx(2.322497 / 8).epsilon(0.002));
}

TEST_CASE("the float network: right by the labels, or by itself where there are none") {
  const Graph graph = TwoLayers(false);
  auto data = FourSamples();
  // y by hand: (0.501, -0.522), (0.414, 0.877), (0.458, 0.177), (1.335, -0.737).
  const HeldOut labelled(graph, *data, {});
  CHECK(labelled.labelled());
  CHECK(labelled.fp32().right == std::vector<bool>{false, false, true, false});
  for (data::Sample& sample : data->samples) sample.label = -1;
  const HeldOut unlabelled(graph, *data, {});
  CHECK(!unlabelled.labelled());
  CHECK(unlabelled.fp32().Right() == 1);
  data->samples[0].label = 0;
  data->samples[1].label = 7;
  CHECK_THROWS_WITH_AS(HeldOut(graph, *data, {}),
                       doctest::Contains("has class 7, but the network gives 2 scores"), Error);
}

}  // namespace
}  // namespace lutra::converter::budget
