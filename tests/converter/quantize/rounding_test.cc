// What the rounding promises, measured on the layer's output in double: error against that of the
// nearest integers, its mean, the grid.
#include "converter/quantize/rounding.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "converter/quantize/codebook_quantizer.h"
#include "converter/quantize/random_matrix.h"
#include "converter/quantize/weight_quantizer.h"

namespace lutra::converter::quantize {
namespace {

using test::RandomMatrix;
using Rows = std::vector<std::vector<double>>;  // inputs of a layer, one row per sample

InputMoments MomentsOf(const Rows& rows) {
  InputMoments moments{rows[0].size(), 1, {}};
  const size_t size = moments.size();
  std::vector<double> sums(size * size, 0.0);
  for (std::vector<double> row : rows) {
    row.push_back(1);
    for (size_t i = 0; i < size; ++i)
      for (size_t j = i; j < size; ++j) sums[i * size + j] += row[i] * row[j];
  }
  for (const double sum : sums) moments.sums.push_back(static_cast<float>(sum));
  return moments;
}

// Inputs that all follow a few hidden ones, around a mean.
Rows CorrelatedRows(size_t samples, size_t k, double mean, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  constexpr size_t kHidden = 3;
  Rows mixing(k, std::vector<double>(kHidden));
  for (auto& weights : mixing)
    for (double& w : weights) w = normal(random);
  Rows rows(samples, std::vector<double>(k));
  for (auto& row : rows) {
    double hidden[kHidden];
    for (double& h : hidden) h = normal(random);
    for (size_t i = 0; i < k; ++i) {
      row[i] = mean + 0.1 * normal(random);
      for (size_t h = 0; h < kHidden; ++h) row[i] += mixing[i][h] * hidden[h];
    }
  }
  return rows;
}

LayerScheme SchemeOf(int bits, bool asymmetric) {
  LayerScheme scheme;
  scheme.bits = bits;
  scheme.asymmetric = asymmetric;
  return scheme;
}

struct Result {
  WeightMatrix matrix;  // with the corrected bias
  QuantizedWeights nearest, optimized;
};

Result Optimize(const WeightMatrix& matrix, const InputMoments& moments, LayerScheme scheme) {
  Result result{matrix, QuantizeWeights(matrix, scheme, 0), {}};
  result.optimized = result.nearest;
  OptimizeRounding(moments, result.matrix, result.optimized, scheme.asymmetric);
  return result;
}

struct OutputError {
  double square = 0;        // mean over samples and channels
  double largest_mean = 0;  // of a channel
};

OutputError ErrorOf(const Rows& rows, const WeightMatrix& real, const QuantizedWeights& weights,
                    const std::vector<float>& bias) {
  const std::vector<float> back = Dequantize(weights);
  OutputError error;
  const double samples = static_cast<double>(rows.size());
  for (size_t n = 0; n < real.n; ++n) {
    double mean = 0;
    for (const auto& row : rows) {
      double difference = static_cast<double>(bias[n]) - static_cast<double>(real.bias[n]);
      for (size_t k = 0; k < real.k; ++k) {
        const size_t i = n * real.k + k;
        difference += row[k] * (static_cast<double>(back[i]) - static_cast<double>(real.values[i]));
      }
      mean += difference / samples;
      error.square += difference * difference / samples / static_cast<double>(real.n);
    }
    error.largest_mean = std::max(error.largest_mean, std::fabs(mean));
  }
  return error;
}

TEST_CASE("inputs that are not correlated give the nearest integers") {
  InputMoments moments{6, 1, std::vector<float>(49, 0.0F)};
  for (size_t i = 0; i < 7; ++i)
    moments.sums[i * 7 + i] = i == 6 ? 100.0F : 3.0F * static_cast<float>(1 + i % 4);
  for (const bool asymmetric : {false, true}) {
    const Result result = Optimize(RandomMatrix(4, 6, 1), moments, SchemeOf(3, asymmetric));
    CHECK(result.optimized.values == result.nearest.values);
    CHECK(result.matrix.bias == std::vector<float>(4, 0.25F));
  }
}

// Solves a x = b by Gaussian elimination; a is positive definite.
std::vector<double> Solve(Rows a, std::vector<double> b) {
  const size_t size = b.size();
  for (size_t p = 0; p < size; ++p) {
    for (size_t i = p + 1; i < size; ++i) {
      const double factor = a[i][p] / a[p][p];
      for (size_t j = p; j < size; ++j) a[i][j] -= factor * a[p][j];
      b[i] -= factor * b[p];
    }
  }
  for (size_t p = size; p-- > 0;) {
    for (size_t j = p + 1; j < size; ++j) b[p] -= a[p][j] * b[j];
    b[p] /= a[p][p];
  }
  return b;
}

// The definition, for one row: weights by falling energy of their inputs, each rounded to what is
// best when all that are still to come, and the bias, may be any real numbers. In double, a system
// of equations for every weight.
std::vector<int8_t> RoundOneByOne(const InputMoments& moments, const float* real, double scale,
                                  int highest, double& bias) {
  const size_t k = moments.k, size = k + 1;
  const auto sum = [&](size_t i, size_t j) {
    return static_cast<double>(moments.sums[std::min(i, j) * size + std::max(i, j)]);
  };
  double energy = 0;
  std::vector<size_t> free(size);
  for (size_t i = 0; i < size; ++i) free[i] = i;
  for (size_t i = 0; i < k; ++i) energy += sum(i, i) / static_cast<double>(k);
  const auto damped = [&](size_t i, size_t j) {
    return sum(i, j) + (i == j && i < k ? 0.01 * energy : 0);
  };
  std::sort(free.begin(), free.end() - 1,
            [&](size_t a, size_t b) { return sum(a, a) > sum(b, b); });
  std::vector<int8_t> rounded(k);
  std::vector<double> errors(k, 0.0);  // real minus rounded
  for (;;) {
    Rows left;
    std::vector<double> pull;
    for (const size_t i : free) {
      std::vector<double>& row = left.emplace_back();
      for (const size_t j : free) row.push_back(damped(i, j));
      pull.push_back(0);
      for (size_t j = 0; j < k; ++j) pull.back() += damped(i, j) * errors[j];
    }
    const double shift = Solve(left, pull)[0];
    const size_t i = free[0];
    if (i == k) {
      bias += shift;
      return rounded;
    }
    const double q = std::nearbyint((static_cast<double>(real[i]) + shift) / scale);
    rounded[i] = static_cast<int8_t>(std::clamp<double>(q, -highest, highest));
    errors[i] = static_cast<double>(real[i]) - scale * rounded[i];
    free.erase(free.begin());
  }
}

TEST_CASE("the weights that come out when each is rounded with a system of equations") {
  // More than one block of columns, and the end of a grid within reach.
  constexpr size_t kInputs = 100, kOutputs = 3;
  const Rows rows = CorrelatedRows(150, kInputs, 0.7, 31);
  const InputMoments moments = MomentsOf(rows);
  const WeightMatrix matrix = RandomMatrix(kOutputs, kInputs, 32);
  for (const int bits : {3, 8}) {
    CAPTURE(bits);
    const Result result = Optimize(matrix, moments, SchemeOf(bits, false));
    for (size_t n = 0; n < kOutputs; ++n) {
      double bias = static_cast<double>(matrix.bias[n]);
      const std::vector<int8_t> wanted =
          RoundOneByOne(moments, matrix.values.data() + n * kInputs,
                        static_cast<double>(result.nearest.scale[n]), (1 << (bits - 1)) - 1, bias);
      const int8_t* const row = result.optimized.values.data() + n * kInputs;
      CHECK(std::vector<int8_t>(row, row + kInputs) == wanted);
      CHECK(static_cast<double>(result.matrix.bias[n]) == doctest::Approx(bias).epsilon(1e-4));
    }
  }
}

TEST_CASE("long rows") {
  constexpr size_t kInputs = 1100;
  const Rows rows = CorrelatedRows(200, kInputs, 1, 33);
  const WeightMatrix matrix = RandomMatrix(2, kInputs, 34);
  const Result result = Optimize(matrix, MomentsOf(rows), SchemeOf(4, false));
  const OutputError before = ErrorOf(rows, matrix, result.nearest, matrix.bias);
  const OutputError after = ErrorOf(rows, matrix, result.optimized, result.matrix.bias);
  CHECK(after.square < 0.2 * before.square);
  CHECK(after.largest_mean < 1e-4 * before.largest_mean);
}

TEST_CASE("equal inputs need the right sum only") {
  Rows rows;
  for (const double t : {-2.0, -1.0, 0.5, 2.5}) rows.emplace_back(16, t);
  // Steps of 1; every other weight is 0.4 and would be rounded down.
  WeightMatrix matrix{
      .n = 1, .k = 16, .values = std::vector<float>(16, 0.4F), .bias = {0.0F}, .has_bias = true};
  matrix.values[0] = 127;
  const Result result = Optimize(matrix, MomentsOf(rows), SchemeOf(8, false));
  const double before = ErrorOf(rows, matrix, result.nearest, matrix.bias).square;
  const double after = ErrorOf(rows, matrix, result.optimized, result.matrix.bias).square;
  double energy = 0;
  for (const auto& row : rows) energy += row[0] * row[0] / 4;
  CHECK(before == doctest::Approx(36 * energy));  // 15 times 0.4 is missing
  CHECK(after <= 0.25 * energy);                  // half a step in all
}

TEST_CASE("correlated inputs: a smaller error than the nearest integers, and none in the mean") {
  const Rows rows = CorrelatedRows(400, 24, 1.5, 5);
  const WeightMatrix matrix = RandomMatrix(10, 24, 6);
  for (int bits = 2; bits <= 8; ++bits) {
    for (const bool asymmetric : {false, true}) {
      CAPTURE(bits);
      CAPTURE(asymmetric);
      const Result result = Optimize(matrix, MomentsOf(rows), SchemeOf(bits, asymmetric));
      const OutputError before = ErrorOf(rows, matrix, result.nearest, matrix.bias);
      const OutputError after = ErrorOf(rows, matrix, result.optimized, result.matrix.bias);
      CHECK(after.square < 0.2 * before.square);
      CHECK(after.largest_mean < 1e-4 * before.largest_mean);
    }
  }
}

TEST_CASE("weights that are not kept are 0, and the others make up for them") {
  const Rows rows = CorrelatedRows(400, 24, 1.5, 5);
  const InputMoments moments = MomentsOf(rows);
  const WeightMatrix matrix = RandomMatrix(10, 24, 6);
  KeptWeights kept(matrix.values.size(), 1);
  WeightMatrix cut = matrix;
  for (size_t i = 0; i < kept.size(); i += 2) {
    kept[i] = 0;
    cut.values[i] = 0;
  }
  for (const auto& [type, bits] : {std::pair(WeightKind::linear, 8),
                                   {WeightKind::linear, 3},
                                   {WeightKind::codebook, 4},
                                   {WeightKind::codebook, 2}}) {
    CAPTURE(bits);
    LayerScheme scheme = SchemeOf(bits, false);
    scheme.kind = type;
    scheme.sparsity = 0.5;  // codebooks have an entry 0
    QuantizedWeights weights = type == WeightKind::linear ? QuantizeWeights(cut, scheme, 0)
                                                          : QuantizeToCodebook(cut, scheme, {}, 0);
    const OutputError before = ErrorOf(rows, matrix, weights, matrix.bias);
    WeightMatrix corrected = matrix;
    OptimizeRounding(moments, corrected, weights, false, false, kept);
    const OutputError after = ErrorOf(rows, matrix, weights, corrected.bias);
    for (size_t i = 0; i < kept.size(); i += 2) CHECK(weights.values[i] == 0);
    // Three hidden numbers make the inputs, so twelve weights of a row can do what 24 did.
    CHECK(after.square < 0.2 * before.square);
  }
}

TEST_CASE("the mean error vanishes however large the inputs are") {
  Rows rows = CorrelatedRows(50, 12, 3, 8);
  for (auto& row : rows)
    for (double& x : row) x *= 255;
  const WeightMatrix matrix = RandomMatrix(5, 12, 9);
  const Result result = Optimize(matrix, MomentsOf(rows), SchemeOf(4, false));
  const OutputError before = ErrorOf(rows, matrix, result.nearest, matrix.bias);
  const OutputError after = ErrorOf(rows, matrix, result.optimized, result.matrix.bias);
  CHECK(after.largest_mean < 1e-4 * before.largest_mean);
}

TEST_CASE("integers stay on the grid of their bits") {
  const Rows rows = CorrelatedRows(60, 40, 0.5, 12);
  for (int bits = 2; bits <= 8; ++bits) {
    for (const bool asymmetric : {false, true}) {
      CAPTURE(bits);
      CAPTURE(asymmetric);
      WeightMatrix matrix = RandomMatrix(6, 40, 13);
      for (size_t i = 0; i < 40; ++i) matrix.values[i] = 0.3F;  // all at the end of the grid
      const Result result = Optimize(matrix, MomentsOf(rows), SchemeOf(bits, asymmetric));
      const int highest = (1 << (bits - 1)) - 1;
      const int lowest = asymmetric && bits < 8 ? -highest - 1 : -highest;
      const auto [low, high] = std::ranges::minmax(result.optimized.values);
      CHECK(low >= lowest);
      CHECK(high <= highest);
      CHECK(result.optimized.scale == result.nearest.scale);
      CHECK(result.optimized.zero_point == result.nearest.zero_point);
    }
  }
}

TEST_CASE("inputs that calibration never shows keep the nearest integers") {
  Rows rows = CorrelatedRows(80, 10, 1, 15);
  for (auto& row : rows) row[3] = row[7] = 0;
  const WeightMatrix matrix = RandomMatrix(4, 10, 16);
  const Result result = Optimize(matrix, MomentsOf(rows), SchemeOf(4, false));
  CHECK(result.optimized.values != result.nearest.values);
  for (size_t n = 0; n < 4; ++n) {
    for (const size_t k : {3, 7}) {
      CHECK(result.optimized.values[n * 10 + k] == result.nearest.values[n * 10 + k]);
    }
  }
  const Result dead =
      Optimize(matrix, MomentsOf(Rows(5, std::vector<double>(10, 0.0))), SchemeOf(4, false));
  CHECK(dead.optimized.values == dead.nearest.values);
  CHECK(dead.matrix.bias == matrix.bias);
}

TEST_CASE("fewer samples than inputs") {
  const Rows rows = CorrelatedRows(7, 64, 1, 17);
  const WeightMatrix matrix = RandomMatrix(8, 64, 18);
  const Result result = Optimize(matrix, MomentsOf(rows), SchemeOf(4, true));
  const OutputError before = ErrorOf(rows, matrix, result.nearest, matrix.bias);
  const OutputError after = ErrorOf(rows, matrix, result.optimized, result.matrix.bias);
  CHECK(after.square < before.square);
  // What was not seen does not explode: other inputs of the same kind.
  const Rows others = CorrelatedRows(200, 64, 1, 17);
  CHECK(ErrorOf(others, matrix, result.optimized, result.matrix.bias).square <
        ErrorOf(others, matrix, result.nearest, matrix.bias).square);
}

TEST_CASE("sums that left the floats are not believed") {
  InputMoments moments = MomentsOf(CorrelatedRows(20, 6, 0, 19));
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    moments.sums[8] = bad;
    const Result result = Optimize(RandomMatrix(3, 6, 20), moments, SchemeOf(4, false));
    CHECK(result.optimized.values == result.nearest.values);
    CHECK(result.matrix.bias == std::vector<float>(3, 0.25F));
  }
}

TEST_CASE("every group by its own moments, the same each time") {
  const InputMoments first = MomentsOf(CorrelatedRows(90, 9, 1, 21));
  const InputMoments second = MomentsOf(CorrelatedRows(90, 9, -1, 22));
  InputMoments both{9, 2, first.sums};
  both.sums.insert(both.sums.end(), second.sums.begin(), second.sums.end());
  const WeightMatrix matrix = RandomMatrix(6, 9, 23);
  const LayerScheme scheme = SchemeOf(4, false);
  const Result grouped = Optimize(matrix, both, scheme);
  const Result a = Optimize(matrix, first, scheme), b = Optimize(matrix, second, scheme);
  CHECK(a.optimized.values != b.optimized.values);
  for (size_t n = 0; n < 6; ++n) {
    const Result& alone = n < 3 ? a : b;
    CHECK(grouped.matrix.bias[n] == alone.matrix.bias[n]);
    for (size_t i = n * 9; i < (n + 1) * 9; ++i) {
      CHECK(grouped.optimized.values[i] == alone.optimized.values[i]);
    }
  }
  const Result again = Optimize(matrix, both, scheme);
  CHECK(again.optimized.values == grouped.optimized.values);
  CHECK(again.matrix.bias == grouped.matrix.bias);
}

}  // namespace
}  // namespace lutra::converter::quantize
