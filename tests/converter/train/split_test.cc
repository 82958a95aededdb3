// The parts of a split: sizes, strata, and what they depend on.
#include "converter/train/split.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "converter/error.h"

namespace lutra::converter::train {
namespace {

std::vector<int64_t> Labels(const std::map<int64_t, size_t>& counts) {
  std::vector<int64_t> labels;
  for (const auto& [label, count] : counts) labels.insert(labels.end(), count, label);
  return labels;
}

std::map<int64_t, size_t> CountsOf(const std::vector<uint32_t>& samples,
                                   const std::vector<int64_t>& labels) {
  std::map<int64_t, size_t> counts;
  for (const uint32_t sample : samples) ++counts[labels[sample]];
  return counts;
}

using Counts = std::map<int64_t, size_t>;

TEST_CASE("a split has the labels' shares") {
  const std::vector<int64_t> labels = Labels({{0, 50}, {1, 30}, {2, 20}});
  const Split split = SplitSamples(labels, 10, 1);
  CHECK(CountsOf(split.validation, labels) == Counts{{0, 5}, {1, 3}, {2, 2}});
  std::vector<uint32_t> all = split.training;
  all.insert(all.end(), split.validation.begin(), split.validation.end());
  std::ranges::sort(all);
  for (uint32_t i = 0; i < 100; ++i) CHECK(all[i] == i);
  CHECK(std::ranges::is_sorted(split.training));
  CHECK(std::ranges::is_sorted(split.validation));
  // 12: 6, 3.6, 2.4; the largest remainder gets the twelfth.
  CHECK(CountsOf(SplitSamples(labels, 12, 1).validation, labels) == Counts{{0, 6}, {1, 4}, {2, 2}});
}

TEST_CASE("every label keeps a sample for training") {
  const std::vector<int64_t> labels = Labels({{0, 1}, {1, 2}, {2, 7}});
  CHECK(CountsOf(SplitSamples(labels, 6, 1).validation, labels) == Counts{{1, 1}, {2, 5}});
  CHECK(CountsOf(SplitSamples(labels, 9, 1).validation, labels) == Counts{{1, 1}, {2, 6}});
  CHECK_THROWS_WITH_AS(SplitSamples(Labels({{0, 1}, {1, 1}, {2, 1}}), 1, 1),
                       "no label has two samples, so none can be set apart for validation; give "
                       "more data",
                       Error);
  CHECK(SplitSamples(labels, 0, 1).training.size() == 10);
}

TEST_CASE("the seed decides") {
  const std::vector<int64_t> unlabelled(200, -1);
  const Split split = SplitSamples(unlabelled, 20, 5);
  CHECK(split.validation.size() == 20);
  CHECK(split.validation == SplitSamples(unlabelled, 20, 5).validation);
  CHECK(split.validation != SplitSamples(unlabelled, 20, 6).validation);
}

TEST_CASE("shares and numbers") {
  CHECK(ValidationCount(0, 10) == 0);
  CHECK(ValidationCount(0.1, 96) == 10);
  CHECK(ValidationCount(1, 10) == 1);
  CHECK(ValidationCount(9, 10) == 9);
  const std::string refusal =
      "the validation part must leave something of the 10 samples to train on; give a part from 0 "
      "to 1, or a number below 10";
  for (const double share : {10.0, 0.96, -0.5, 1e30, std::nan("")}) {
    CHECK_THROWS_WITH_AS(ValidationCount(share, 10), refusal.c_str(), Error);
  }
}

}  // namespace
}  // namespace lutra::converter::train
