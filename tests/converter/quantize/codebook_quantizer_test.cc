#include "converter/quantize/codebook_quantizer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "converter/cluster/integer_codebook.h"
#include "converter/quantize/rounding.h"
#include "converter/quantize/weight_quantizer.h"

namespace lutra::converter::quantize {
namespace {

// Channels of different sizes, as trained layers have them.
WeightMatrix MixedMatrix(size_t n, size_t k, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  WeightMatrix matrix{.n = n,
                      .k = k,
                      .values = std::vector<float>(n * k),
                      .bias = std::vector<float>(n, 0.5F),
                      .has_bias = true};
  for (size_t i = 0; i < n * k; ++i) {
    matrix.values[i] = normal(random) * 0.02F * static_cast<float>(1 + i / k % 4);
  }
  return matrix;
}

LayerScheme CodebookScheme(int bits, uint32_t channels = 0) {
  LayerScheme scheme;
  scheme.kind = WeightKind::codebook;
  scheme.bits = bits;
  scheme.codebook_channels = channels;
  return scheme;
}

double ErrorOf(const WeightMatrix& matrix, const QuantizedWeights& weights,
               const std::vector<float>& importance = {}) {
  const std::vector<float> back = Dequantize(weights);
  double error = 0;
  for (size_t i = 0; i < back.size(); ++i) {
    const double d = static_cast<double>(back[i]) - static_cast<double>(matrix.values[i]);
    error += d * d * (importance.empty() ? 1.0 : static_cast<double>(importance[i % matrix.k]));
  }
  return error;
}

void CheckForm(const QuantizedWeights& q, int bits, size_t tables,
               cluster::ZeroEntry zero = cluster::ZeroEntry::kept) {
  REQUIRE(q.tables.size() == tables << bits);
  for (size_t n = 0; n < q.n; ++n) {
    const auto table = q.Table(n);
    CHECK(std::ranges::is_sorted(table));
    if (zero == cluster::ZeroEntry::kept) CHECK(std::ranges::count(table, 0) >= 1);
    CHECK(std::max(-table.front(), int{table.back()}) <= LargestEntry(bits));
    const std::set<int8_t> entries(table.begin(), table.end());
    for (size_t k = 0; k < q.k; ++k) REQUIRE(entries.contains(q.values[n * q.k + k]));
    CHECK(q.scale[n] > 0);
  }
  CHECK(q.zero_point.empty());
}

TEST_CASE("values are entries of their channel's table, whatever the width") {
  const WeightMatrix matrix = MixedMatrix(40, 27, 1);
  for (int bits = 1; bits <= 8; ++bits) {
    CAPTURE(bits);
    // 1 bit is better off without 0.
    const cluster::ZeroEntry zero = bits == 1 ? cluster::ZeroEntry::free : cluster::ZeroEntry::kept;
    CheckForm(QuantizeToCodebook(matrix, CodebookScheme(bits), {}, 0), bits, 1, zero);
    CheckForm(QuantizeToCodebook(matrix, CodebookScheme(bits, 16), {}, 0.01), bits, 3, zero);
  }
}

TEST_CASE("never worse than as many evenly spaced integers") {
  const WeightMatrix matrix = MixedMatrix(32, 64, 2);
  double before = std::numeric_limits<double>::infinity();
  for (int bits = 2; bits <= 8; ++bits) {
    CAPTURE(bits);
    LayerScheme linear;
    linear.bits = bits;
    const double evenly = ErrorOf(matrix, QuantizeWeights(matrix, linear, 0));
    const double error = ErrorOf(matrix, QuantizeToCodebook(matrix, CodebookScheme(bits), {}, 0));
    CHECK(error <= evenly * (1 + 1e-6));
    if (bits <= 4) CHECK(error < 0.7 * evenly);
    CHECK(error <= before * (1 + 1e-6));
    before = error;
  }
}

TEST_CASE("a codebook for each 16 channels fits them better") {
  WeightMatrix matrix = MixedMatrix(32, 200, 3);
  for (size_t i = 16 * 200; i < matrix.values.size(); ++i) {  // another shape: two-sided
    matrix.values[i] = std::copysign(0.3F, matrix.values[i]) + 0.1F * matrix.values[i];
  }
  const double one = ErrorOf(matrix, QuantizeToCodebook(matrix, CodebookScheme(2), {}, 0));
  const double two = ErrorOf(matrix, QuantizeToCodebook(matrix, CodebookScheme(2, 16), {}, 0));
  CHECK(two < 0.95 * one);
}

TEST_CASE("weights that already are a codebook come back exactly") {
  WeightMatrix matrix = MixedMatrix(16, 30, 4);
  std::mt19937 random(5);
  // Entries -64, 0, 16, 64 of channels whose scales are powers of two.
  const float entries[] = {-64, 0, 16, 64};
  for (size_t i = 0; i < matrix.values.size(); ++i) {
    const float scale = std::ldexp(1.0F, -8 - static_cast<int>(i / 30 % 3));
    matrix.values[i] = scale * entries[i % 30 < 4 ? i % 30 : random() % 4];
  }
  const QuantizedWeights q = QuantizeToCodebook(matrix, CodebookScheme(2), {}, 0);
  CHECK(Dequantize(q) == matrix.values);
}

TEST_CASE("weights of few values and both signs need no 0") {
  std::mt19937 random(8);
  for (const int bits : {1, 2, 3, 4}) {
    CAPTURE(bits);
    // Odd multiples of a magnitude per channel: -3, -1, 1, 3 in 2 bits.
    WeightMatrix matrix = MixedMatrix(20, 40, 4);
    const int values = 1 << bits;
    for (size_t i = 0; i < matrix.values.size(); ++i) {
      const float magnitude = 0.01F * static_cast<float>(1 + i / 40 % 7);
      const int level = i % 40 < 16 ? static_cast<int>(i % 40) % values
                                    : static_cast<int>(random() % static_cast<uint32_t>(values));
      matrix.values[i] = magnitude * static_cast<float>(2 * level + 1 - values);
    }
    const QuantizedWeights q = QuantizeToCodebook(matrix, CodebookScheme(bits), {}, 0.02);
    double energy = 0;
    for (const float w : matrix.values) energy += static_cast<double>(w) * static_cast<double>(w);
    CHECK(std::ranges::count(q.tables, 0) == 0);
    // At most half a step of a grid of 32 up to 2 bits and 64 above, of the largest weight's.
    CHECK(ErrorOf(matrix, q) < 1e-4 * energy);
  }
}

TEST_CASE("0 stays where it is worth an entry: ternary, pruned and ordinary weights") {
  std::mt19937 random(12);
  WeightMatrix ternary = MixedMatrix(16, 40, 5), pruned = MixedMatrix(16, 40, 6);
  for (float& w : ternary.values) w = 0.1F * static_cast<float>(random() % 3) - 0.1F;
  for (float& w : pruned.values) w = random() % 4 == 0 ? w : 0.0F;
  CHECK(Dequantize(QuantizeToCodebook(ternary, CodebookScheme(2), {}, 0)) == ternary.values);
  for (const int bits : {1, 2, 3}) {
    if (bits > 1) CheckForm(QuantizeToCodebook(ternary, CodebookScheme(bits), {}, 0), bits, 1);
    const QuantizedWeights q = QuantizeToCodebook(pruned, CodebookScheme(bits), {}, 0);
    CheckForm(q, bits, 1);
    for (size_t i = 0; i < pruned.values.size(); ++i) {
      if (pruned.values[i] == 0) CHECK(q.values[i] == 0);
    }
  }
  for (const int bits : {2, 3, 4}) {
    CheckForm(QuantizeToCodebook(MixedMatrix(40, 100, 13), CodebookScheme(bits), {}, 0), bits, 1);
  }
}

TEST_CASE("errors go where they count least") {
  const WeightMatrix matrix = MixedMatrix(16, 50, 6);
  std::vector<float> importance(50, 0.01F);
  std::fill_n(importance.begin(), 10, 10.0F);
  const QuantizedWeights plain = QuantizeToCodebook(matrix, CodebookScheme(2), {}, 0);
  const QuantizedWeights weighted = QuantizeToCodebook(matrix, CodebookScheme(2), importance, 0);
  CHECK(ErrorOf(matrix, weighted, importance) < 0.95 * ErrorOf(matrix, plain, importance));
  CHECK(ErrorOf(matrix, plain) < ErrorOf(matrix, weighted));
}

TEST_CASE("after rounding no single weight can move and lower the error of the outputs") {
  constexpr size_t kSamples = 60, kInputs = 12;
  std::mt19937 random(9);
  std::normal_distribution<double> normal;
  std::vector<std::vector<double>> rows(kSamples, std::vector<double>(kInputs));
  for (auto& row : rows) {
    const double hidden = normal(random);
    for (double& x : row) x = 1 + hidden + 0.5 * normal(random);
  }
  InputMoments moments{kInputs, 1, std::vector<float>((kInputs + 1) * (kInputs + 1), 0.0F)};
  std::vector<double> mean(kInputs, 0.0);
  double energy = 0;
  for (const auto& row : rows) {
    for (size_t i = 0; i <= kInputs; ++i) {
      const double x = i < kInputs ? row[i] : 1;
      if (i < kInputs) mean[i] += x / kSamples;
      if (i < kInputs) energy += x * x / kInputs;
      for (size_t j = i; j <= kInputs; ++j) {
        moments.sums[i * (kInputs + 1) + j] += static_cast<float>(x * (j < kInputs ? row[j] : 1));
      }
    }
  }
  // Squared deviations of the row's output, and 1 % of the inputs' energy for every weight.
  const auto error_of = [&](const std::vector<double>& e) {
    double error = 0;
    for (const double x : e) error += 0.01 * energy * x * x;
    for (const auto& row : rows) {
      double sum = 0;
      for (size_t i = 0; i < kInputs; ++i) sum += e[i] * (row[i] - mean[i]);
      error += sum * sum;
    }
    return error;
  };
  for (const int bits : {1, 2, 3, 6}) {
    CAPTURE(bits);
    const WeightMatrix real = MixedMatrix(16, kInputs, 10);
    WeightMatrix matrix = real;
    QuantizedWeights q = QuantizeToCodebook(matrix, CodebookScheme(bits), {}, 0);
    const QuantizedWeights nearest = q;
    OptimizeRounding(moments, matrix, q, false);
    CheckForm(q, bits, 1, bits == 1 ? cluster::ZeroEntry::free : cluster::ZeroEntry::kept);
    double before = 0, after = 0;
    for (size_t n = 0; n < real.n; ++n) {
      const auto errors = [&](const QuantizedWeights& weights) {
        std::vector<double> e(kInputs);
        for (size_t i = 0; i < kInputs; ++i) {
          e[i] = static_cast<double>(real.values[n * kInputs + i]) -
                 static_cast<double>(weights.scale[n]) * weights.values[n * kInputs + i];
        }
        return e;
      };
      std::vector<double> e = errors(q);
      const double reached = error_of(e);
      before += error_of(errors(nearest));
      after += reached;
      double lost = 0;  // of the mean, which the bias takes
      for (size_t i = 0; i < kInputs; ++i) lost += e[i] * mean[i];
      CHECK(static_cast<double>(matrix.bias[n]) ==
            doctest::Approx(static_cast<double>(real.bias[n]) + lost).epsilon(1e-4));
      for (size_t i = 0; i < kInputs; ++i) {
        const double stays = e[i];
        for (const int8_t entry : q.Table(n)) {
          e[i] = static_cast<double>(real.values[n * kInputs + i]) -
                 static_cast<double>(q.scale[n]) * entry;
          CHECK(error_of(e) >= reached * (1 - 1e-4));
        }
        e[i] = stays;
      }
    }
    CHECK(after < 0.8 * before);
  }
}

TEST_CASE("1 bit: signs and scales in turns, against all signs with their best scales") {
  constexpr size_t kSamples = 40, kInputs = 10;
  std::mt19937 random(21);
  std::normal_distribution<double> normal;
  std::vector<std::vector<double>> rows(kSamples, std::vector<double>(kInputs));
  InputMoments moments{kInputs, 1, std::vector<float>((kInputs + 1) * (kInputs + 1), 0.0F)};
  for (auto& row : rows) {
    const double hidden = normal(random);
    for (double& x : row) x = hidden + normal(random);
    for (size_t i = 0; i <= kInputs; ++i) {
      for (size_t j = i; j <= kInputs; ++j) {
        const double a = i < kInputs ? row[i] : 1, b = j < kInputs ? row[j] : 1;
        moments.sums[i * (kInputs + 1) + j] += static_cast<float>(a * b);
      }
    }
  }
  // Variance of the output's error over the samples.
  const auto variance_of = [&](const std::vector<double>& e) {
    double sum = 0, square = 0;
    for (const auto& row : rows) {
      double y = 0;
      for (size_t i = 0; i < kInputs; ++i) y += e[i] * row[i];
      sum += y;
      square += y * y;
    }
    return square - sum * sum / kSamples;
  };
  const WeightMatrix real = MixedMatrix(8, kInputs, 22);
  const auto reached = [&](bool fit_scales) {
    WeightMatrix matrix = real;
    QuantizedWeights q = QuantizeToCodebook(matrix, CodebookScheme(1), {}, 0);
    OptimizeRounding(moments, matrix, q, false, fit_scales);
    double error = 0;
    for (size_t n = 0; n < real.n; ++n) {
      std::vector<double> e(kInputs);
      for (size_t i = 0; i < kInputs; ++i) {
        e[i] = static_cast<double>(real.values[n * kInputs + i]) -
               static_cast<double>(q.scale[n]) * q.values[n * kInputs + i];
      }
      error += variance_of(e);
    }
    return error;
  };
  // Of any signs with their best scale.
  double best = 0;
  for (size_t n = 0; n < real.n; ++n) {
    std::vector<double> w(kInputs), signs(kInputs), plus(kInputs);
    for (size_t i = 0; i < kInputs; ++i) w[i] = static_cast<double>(real.values[n * kInputs + i]);
    double least = variance_of(w);
    const double ww = least;
    for (size_t set = 0; set < size_t{1} << kInputs; ++set) {
      for (size_t i = 0; i < kInputs; ++i) {
        signs[i] = (set >> i & 1) != 0 ? 1 : -1;
        plus[i] = w[i] + signs[i];
      }
      const double ss = variance_of(signs), ws = (variance_of(plus) - ww - ss) / 2;
      least = std::min(least, ww - ws * ws / ss);
    }
    best += least;
  }
  const double fitted = reached(true), fixed = reached(false);
  CAPTURE(best);
  CAPTURE(fixed);
  CHECK(fitted >= best * (1 - 1e-6));
  CHECK(fitted < fixed);
  CHECK(fitted < 2.5 * best);
}

TEST_CASE("1 bit: a channel of zeros keeps a scale that its bias fits") {
  // The others are of one magnitude and both signs, so that the codebook has no 0.
  WeightMatrix matrix = MixedMatrix(4, 10, 3);
  for (size_t i = 0; i < 40; ++i) matrix.values[i] = i < 10 ? 0.0F : i % 3 == 0 ? 0.2F : -0.2F;
  InputMoments moments{10, 1, std::vector<float>(121, 0.0F)};
  for (size_t i = 0; i <= 10; ++i) moments.sums[i * 11 + i] = 1 + static_cast<float>(i % 3);
  const double input_scale = 0.02;
  QuantizedWeights q = QuantizeToCodebook(matrix, CodebookScheme(1), {}, input_scale);
  CHECK(std::ranges::count(q.tables, 0) == 0);
  const std::vector<float> before = q.scale;
  OptimizeRounding(moments, matrix, q, false, true);
  for (size_t n = 0; n < 4; ++n) {
    CHECK(q.scale[n] >= 0.5F * before[n]);
    CHECK(std::fabs(matrix.bias[n]) / (static_cast<float>(input_scale) * q.scale[n]) < 1 << 30);
  }
}

TEST_CASE("granularity tensor: one scale") {
  LayerScheme scheme = CodebookScheme(4);
  scheme.granularity = Granularity::tensor;
  const QuantizedWeights q = QuantizeToCodebook(MixedMatrix(20, 30, 7), scheme, {}, 0.1);
  CHECK(std::set<float>(q.scale.begin(), q.scale.end()).size() == 1);
  CheckForm(q, 4, 1);
}

TEST_CASE("channels of zeros, large biases and very long rows stay representable") {
  WeightMatrix matrix = MixedMatrix(3, 60000, 8);
  std::fill_n(matrix.values.begin(), 60000, 0.0F);
  std::fill_n(matrix.values.begin() + 60000, 60000, 0.25F);
  matrix.bias[1] = 4e6F;
  const double input_scale = 0.001;
  for (const int bits : {3, 8}) {
    const QuantizedWeights q = QuantizeToCodebook(matrix, CodebookScheme(bits), {}, input_scale);
    for (size_t n = 0; n < 3; ++n) {
      const double bias =
          static_cast<double>(matrix.bias[n]) / (input_scale * static_cast<double>(q.scale[n]));
      double sum = std::fabs(bias);
      for (size_t k = 0; k < q.k; ++k) sum += 255.0 * std::abs(q.values[n * q.k + k]);
      CHECK(sum < 2147483647.0);
      CHECK(std::isnormal(q.scale[n]));
    }
  }
}

}  // namespace
}  // namespace lutra::converter::quantize
