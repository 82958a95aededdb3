// Calibration and judgement never see the same sample.
#include "converter/budget/divide.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "converter/error.h"
#include "converter/train/given_samples.h"

namespace lutra::converter::budget {
namespace {

using train::GivenSamples;

bool Disjoint(const Parts& parts) {
  return std::ranges::none_of(parts.calibration, [&](size_t i) {
    return std::ranges::find(parts.held_out, i) != parts.held_out.end();
  });
}

TEST_CASE("half of each label is held out") {
  const auto data = GivenSamples::Count(40, 4);
  const Parts parts = Divide(*data);
  CHECK(parts.calibration.size() == 20);
  CHECK(parts.held_out.size() == 20);
  CHECK(Disjoint(parts));
  std::map<int64_t, size_t> labels;
  for (const size_t i : parts.held_out) ++labels[data->samples[i].label];
  CHECK(labels == std::map<int64_t, size_t>{{0, 5}, {1, 5}, {2, 5}, {3, 5}});
  CHECK(Divide(*data).held_out == parts.held_out);
}

TEST_CASE("labels of one sample each do not keep all samples in one part") {
  const Parts parts = Divide(*GivenSamples::Count(10, 10));
  CHECK(parts.held_out.size() == 5);
  CHECK(parts.calibration.size() == 5);
}

TEST_CASE("of much data only so many samples are taken, spread over all") {
  const Parts parts = Divide(*GivenSamples::Count(6000, 2));
  CHECK(parts.held_out.size() == kMostDivided / 2);
  CHECK(parts.calibration.size() == kMostDivided / 2);
  CHECK(parts.held_out.back() > 5900);
  CHECK(Disjoint(parts));
}

TEST_CASE("one sample is too few") {
  CHECK_THROWS_WITH_AS(Divide(*GivenSamples::Count(1, 1)), doctest::Contains("but the data has 1"),
                       Error);
}

}  // namespace
}  // namespace lutra::converter::budget
