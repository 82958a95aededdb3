// Against every subset of the integers.
#include "converter/cluster/integer_codebook.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "doctest/doctest.h"

namespace lutra::converter::cluster {
namespace {

struct Weighted {
  double value, weight;
};

double Cost(const std::vector<Weighted>& values, const std::vector<int8_t>& entries) {
  double total = 0;
  for (const Weighted& v : values) {
    double least = std::numeric_limits<double>::infinity();
    for (const int8_t entry : entries) least = std::min(least, std::fabs(v.value - entry));
    total += v.weight * least * least;
  }
  return total;
}

// Over all subsets of -highest .. highest with at most `entries` members (and with 0).
double BestCost(const std::vector<Weighted>& values, int highest, size_t entries, ZeroEntry zero) {
  double best = std::numeric_limits<double>::infinity();
  const int candidates = 2 * highest + 1;
  for (int set = 0; set < 1 << candidates; ++set) {
    if (zero == ZeroEntry::kept && (set >> highest & 1) == 0) continue;
    std::vector<int8_t> members;
    for (int i = 0; i < candidates; ++i) {
      if ((set >> i & 1) != 0) members.push_back(static_cast<int8_t>(i - highest));
    }
    if (members.size() <= entries) best = std::min(best, Cost(values, members));
  }
  return best;
}

std::vector<Weighted> RandomValues(std::mt19937& random, size_t count, int highest) {
  std::normal_distribution<double> normal(0.5, highest / 2.5);
  std::vector<Weighted> values(count);
  for (Weighted& v : values) v = {normal(random), 1.0 + static_cast<double>(random() % 5)};
  values[0].value = 1.5;  // on a border
  return values;
}

TEST_CASE("the chosen entries cost no more than any others") {
  std::mt19937 random(41);
  for (int trial = 0; trial < 40; ++trial) {
    const int highest = 1 + trial % 5;
    const size_t entries = 1 + random() % 8;
    CAPTURE(highest);
    CAPTURE(entries);
    const std::vector<Weighted> values = RandomValues(random, 1 + random() % 30, highest);
    HalfSteps steps(highest);
    for (const Weighted& v : values) steps.Add(v.value, v.weight);
    for (const ZeroEntry zero : {ZeroEntry::kept, ZeroEntry::free}) {
      const std::vector<int8_t> chosen = BestIntegerCodebook(steps, entries, zero);
      CHECK(chosen.size() <= entries);
      CHECK(std::ranges::is_sorted(chosen));
      if (zero == ZeroEntry::kept) CHECK(std::ranges::count(chosen, 0) == 1);
      CHECK(chosen.front() >= -highest);
      CHECK(chosen.back() <= highest);
      CHECK(Cost(values, chosen) ==
            doctest::Approx(BestCost(values, highest, entries, zero)).epsilon(1e-12));
    }
  }
}

TEST_CASE("as many entries as integers: all of them") {
  HalfSteps steps(127);
  for (int i = -127; i <= 127; ++i) steps.Add(i, 1);
  const std::vector<int8_t> chosen = BestIntegerCodebook(steps, 256, ZeroEntry::kept);
  REQUIRE(chosen.size() == 255);
  for (int i = 0; i < 255; ++i) CHECK(chosen[static_cast<size_t>(i)] == i - 127);
}

TEST_CASE("entries that no value needs are taken all the same") {
  HalfSteps steps(127);
  steps.Add(3, 1);
  CHECK(BestIntegerCodebook(steps, 256, ZeroEntry::kept).size() == 255);
}

TEST_CASE("values on one side of 0 get all entries but 0") {
  HalfSteps steps(10);
  for (const int value : {-9, -7, -5, -3}) steps.Add(value, 1);
  CHECK(BestIntegerCodebook(steps, 5, ZeroEntry::kept) == std::vector<int8_t>{-9, -7, -5, -3, 0});
}

TEST_CASE("one magnitude of both signs is two entries, if 0 need not be one") {
  HalfSteps steps(32);
  for (int i = 0; i < 10; ++i) steps.Add(i % 3 == 0 ? -20 : 20, 1);
  CHECK(BestIntegerCodebook(steps, 2, ZeroEntry::free) == std::vector<int8_t>{-20, 20});
  CHECK(BestIntegerCodebook(steps, 2, ZeroEntry::kept) == std::vector<int8_t>{0, 20});
}

TEST_CASE("rounding to the nearest entry, by comparing with each") {
  const std::vector<int8_t> entries{-100, -7, -6, 0, 3, 127};
  const NearestEntry nearest(entries);
  for (double value = -300; value < 300; value += 0.1) {
    const double got = std::fabs(nearest(value) - value);
    for (const int8_t entry : entries) CHECK(got <= std::fabs(entry - value) + 1e-9);
  }
  CHECK(nearest(1.5) == 3);
  CHECK(nearest(1.49) == 0);
  CHECK(nearest(-6.5) == -6);
  CHECK(NearestEntry(std::vector<int8_t>{0})(99) == 0);
}

}  // namespace
}  // namespace lutra::converter::cluster
