#include "converter/quantize/weight_quantizer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "converter/quantize/random_matrix.h"

namespace lutra::converter::quantize {
namespace {

using test::RandomMatrix;

LayerScheme SchemeOf(int bits, bool asymmetric, Granularity granularity) {
  LayerScheme scheme;
  scheme.bits = bits;
  scheme.asymmetric = asymmetric;
  scheme.granularity = granularity;
  return scheme;
}

TEST_CASE("every weight is within half a step, and on the grid of its bits") {
  const WeightMatrix matrix = RandomMatrix(5, 37, 3);
  for (int bits = 2; bits <= 8; ++bits) {
    for (const bool asymmetric : {false, true}) {
      for (const auto granularity : {Granularity::channel, Granularity::tensor}) {
        CAPTURE(bits);
        CAPTURE(asymmetric);
        const QuantizedWeights q =
            QuantizeWeights(matrix, SchemeOf(bits, asymmetric, granularity), 0);
        const int highest = (1 << (bits - 1)) - 1;
        const int lowest = asymmetric && bits < 8 ? -highest - 1 : -highest;
        CHECK(q.zero_point.empty() == !asymmetric);
        const std::vector<float> back = Dequantize(q);
        for (size_t i = 0; i < back.size(); ++i) {
          CHECK(q.values[i] >= lowest);
          CHECK(q.values[i] <= highest);
          const double step = static_cast<double>(q.scale[i / matrix.k]);
          // Asymmetric: the zero point's own rounding can push the ends out by another half.
          const double bound = (asymmetric ? 1.0 : 0.5) * step * 1.0001;
          CHECK(std::fabs(static_cast<double>(back[i]) - static_cast<double>(matrix.values[i])) <=
                bound);
        }
        if (granularity == Granularity::tensor) {
          CHECK(std::ranges::count(q.scale, q.scale[0]) == 5);
        }
      }
    }
  }
}

TEST_CASE("the largest magnitude of a symmetric channel sits on the last step") {
  const WeightMatrix matrix{
      .n = 2, .k = 3, .values = {0.5F, -2.0F, 1.0F, 3.0F, 0.0F, -1.5F}, .bias = {0, 0}};
  const QuantizedWeights q = QuantizeWeights(matrix, LayerScheme{}, 0);
  CHECK(q.values == std::vector<int8_t>{32, -127, 64, 127, 0, -64});  // 31.75, 63.5 (even), -63.5
  CHECK(q.scale[0] == 2.0F / 127);
  CHECK(q.scale[1] == 3.0F / 127);
}

TEST_CASE("scales are raised until the bias fits") {
  WeightMatrix matrix{.n = 1, .k = 2, .values = {1e-6F, -1e-6F}, .bias = {1000.0F}};
  const double input_scale = 0.01;
  const QuantizedWeights q = QuantizeWeights(matrix, LayerScheme{}, input_scale);
  const double wanted = 1000.0 / (input_scale * (1 << 29));
  CHECK(static_cast<double>(q.scale[0]) == doctest::Approx(wanted).epsilon(1e-6));
  const std::vector<int32_t> bias = QuantizeBias(matrix.bias, input_scale, q.scale);
  CHECK(std::abs(bias[0]) <= (1 << 29) + 64);
  CHECK(bias[0] * input_scale * static_cast<double>(q.scale[0]) ==
        doctest::Approx(1000.0).epsilon(1e-6));
}

TEST_CASE("all-zero channels keep their bias") {
  WeightMatrix matrix{.n = 2, .k = 4, .values = std::vector<float>(8, 0.0F), .bias = {0.3F, 0.0F}};
  const double input_scale = 0.05;
  const QuantizedWeights q = QuantizeWeights(matrix, LayerScheme{}, input_scale);
  CHECK(std::ranges::count(q.values, 0) == 8);
  CHECK(q.scale[1] == 1.0F);
  const std::vector<int32_t> bias = QuantizeBias(matrix.bias, input_scale, q.scale);
  CHECK(bias[0] * input_scale * static_cast<double>(q.scale[0]) ==
        doctest::Approx(0.3).epsilon(1e-6));
  CHECK(bias[1] == 0);
}

TEST_CASE("long rows keep the accumulator inside int32") {
  WeightMatrix matrix{
      .n = 1, .k = 80000, .values = std::vector<float>(80000, 1.0F), .bias = {0.0F}};
  for (const bool asymmetric : {false, true}) {
    const LayerScheme scheme = SchemeOf(8, asymmetric, Granularity::channel);
    const QuantizedWeights q = QuantizeWeights(matrix, scheme, 0.1);
    int64_t sum = 0;
    for (const int8_t w : q.values) sum += std::abs(w - (asymmetric ? q.zero_point[0] : 0));
    CHECK(sum * 255 + (1 << 29) <= INT32_MAX);
    CHECK(sum > 0);
  }
}

LayerScheme Grouped(uint64_t group) {
  LayerScheme scheme = SchemeOf(4, false, Granularity::group);
  scheme.group = group;
  return scheme;
}

TEST_CASE("groups: every weight is within half of its group's step, which fits the group") {
  WeightMatrix matrix = RandomMatrix(5, 150, 3);
  std::fill_n(matrix.values.begin() + 32, 32, 0.0F);  // a group of zeros
  const QuantizedWeights q = QuantizeWeights(matrix, Grouped(32), 0);
  REQUIRE(q.group == 32);
  REQUIRE(q.group_scale.size() == 5 * 5);
  const std::vector<float> back = Dequantize(q);
  for (size_t n = 0; n < 5; ++n) {
    float row_largest = 0;
    for (size_t k = 0; k < 150; ++k) {
      row_largest = std::max(row_largest, std::fabs(matrix.values[n * 150 + k]));
    }
    for (size_t g = 0; g < 5; ++g) {
      float largest = 0;
      const double step =
          static_cast<double>(q.scale[n]) * static_cast<double>(q.group_scale[n * 5 + g]);
      for (size_t i = n * 150 + g * 32; i < n * 150 + std::min<size_t>(150, (g + 1) * 32); ++i) {
        largest = std::max(largest, std::fabs(matrix.values[i]));
        CHECK(std::abs(q.values[i]) <= 7);
        CHECK(std::fabs(static_cast<double>(back[i]) - static_cast<double>(matrix.values[i])) <=
              0.5 * step * 1.0001);
      }
      // Within one of 255 parts of the row's largest step of what the group asks for.
      CHECK(step >= static_cast<double>(largest) / 7 * 0.9999);
      CHECK(step <= static_cast<double>(largest) / 7 + static_cast<double>(row_largest) / 7 / 254);
    }
  }
}

TEST_CASE("groups: a scale per group of normally distributed weights loses at most .65") {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 0.02F);
  WeightMatrix matrix{
      .n = 32, .k = 4096, .values = std::vector<float>(32 * 4096), .bias = std::vector<float>(32)};
  for (float& w : matrix.values) w = normal(random);
  const auto error = [&](const LayerScheme& scheme) {
    const std::vector<float> back = Dequantize(QuantizeWeights(matrix, scheme, 0.02));
    double sum = 0;
    for (size_t i = 0; i < back.size(); ++i) {
      const double lost = static_cast<double>(back[i]) - static_cast<double>(matrix.values[i]);
      sum += lost * lost;
    }
    return sum;
  };
  const double per_channel = error(SchemeOf(4, false, Granularity::channel));
  CHECK(error(Grouped(32)) <= 0.4 * per_channel);
  CHECK(error(Grouped(64)) <= 0.5 * per_channel);
  CHECK(error(Grouped(128)) <= 0.65 * per_channel);
}

TEST_CASE("groups: long rows keep the accumulator inside int32, whatever computes them") {
  for (const double input_scale : {0.0, 0.1}) {
    const WeightMatrix matrix{
        .n = 1, .k = 80000, .values = std::vector<float>(80000, 1.0F), .bias = {0.0F}};
    const QuantizedWeights q = QuantizeWeights(matrix, Grouped(64), input_scale);
    int64_t sum = 0;
    for (size_t k = 0; k < matrix.k; ++k) sum += std::abs(q.values[k]) * q.GroupScale(0, k);
    CHECK(sum * 255 + (1 << 29) <= INT32_MAX);
    CHECK(sum > 0);
  }
}

}  // namespace
}  // namespace lutra::converter::quantize
