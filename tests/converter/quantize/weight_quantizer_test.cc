#include "converter/quantize/weight_quantizer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

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

}  // namespace
}  // namespace lutra::converter::quantize
