#include "converter/quantize/histogram.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "converter/error.h"

namespace lutra::converter::quantize {
namespace {

TEST_CASE("a histogram counts every element once, zeros apart") {
  Histogram histogram;
  histogram.Add(std::vector<float>{0.0F, -0.0F, 0.5F, -0.25F, 3.0F});
  CHECK(histogram.count() == 5);
  CHECK(histogram.zeros() == 2);
  CHECK(histogram.min() == -0.25F);
  CHECK(histogram.max() == 3.0F);
  uint64_t sum = 0;
  for (size_t i = 0; i < Histogram::kBins; ++i) sum += histogram.bin(i);
  CHECK(sum == 3);
}

TEST_CASE("growing keeps every count in the bin that holds its value") {
  const std::vector<float> values = {0.001F, -0.002F, 0.9F, -7.5F, 100.0F, -64.0F, 63.9F};
  Histogram histogram;
  for (const float value : values) histogram.Add(std::vector<float>{value});
  for (const float value : values) {
    uint64_t near = 0;
    for (size_t i = 0; i < Histogram::kBins; ++i) {
      if (std::fabs(histogram.Center(i) - static_cast<double>(value)) <= histogram.width()) {
        near += histogram.bin(i);
      }
    }
    CHECK_MESSAGE(near >= 1, value);
  }
  // 2^7 is the first power of two above 100.
  CHECK(histogram.Low(0) == -128);
  CHECK(histogram.width() == 256.0 / Histogram::kBins);
}

TEST_CASE("the order of the samples does not matter") {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0.0F, 3.0F);
  std::vector<float> values(5000);
  for (float& value : values) value = normal(random);
  Histogram forward, backward;
  for (const float value : values) forward.Add(std::vector<float>{value});
  backward.Add(std::vector<float>(values.rbegin(), values.rend()));
  REQUIRE(forward.width() == backward.width());
  for (size_t i = 0; i < Histogram::kBins; ++i) REQUIRE(forward.bin(i) == backward.bin(i));
}

TEST_CASE("values that are not finite are refused") {
  Histogram histogram;
  CHECK_THROWS_AS(histogram.Add(std::vector<float>{1.0F, std::nanf("")}), Error);
  CHECK_THROWS_AS(histogram.Add(std::vector<float>{std::numeric_limits<float>::infinity()}), Error);
}

}  // namespace
}  // namespace lutra::converter::quantize
