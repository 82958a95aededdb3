#include "converter/quantize/range.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

namespace lutra::converter::quantize {
namespace {

Histogram Of(const std::vector<float>& values) {
  Histogram histogram;
  histogram.Add(values);
  return histogram;
}

TEST_CASE("minmax is what was seen, and 0") {
  const Range both = ChooseRange(Of({-1.5F, 0.25F, 4.0F}), CalibratorKind::minmax);
  CHECK(both.lo == -1.5);
  CHECK(both.hi == 4.0);
  const Range positive = ChooseRange(Of({2.0F, 3.0F}), CalibratorKind::minmax);
  CHECK(positive.lo == 0);
  CHECK(positive.hi == 3);
}

TEST_CASE("nothing but zeros, or nothing at all, is the empty range for every calibrator") {
  for (const auto kind : {CalibratorKind::minmax, CalibratorKind::percentile, CalibratorKind::mse,
                          CalibratorKind::entropy}) {
    for (const Histogram& histogram : {Histogram(), Of({0.0F, 0.0F})}) {
      const Range range = ChooseRange(histogram, kind);
      CHECK(range.lo == 0);
      CHECK(range.hi == 0);
    }
  }
  CHECK(ParamsOf({}) == QuantParams{1.0F, 0});
}

TEST_CASE("percentile cuts 0.01 % of each side of a uniform distribution") {
  // 100,000 evenly spaced values in (-1, 1): the 11th from each end is the first one kept.
  std::vector<float> values;
  constexpr int kCount = 100000;
  for (int i = 0; i < kCount; ++i) {
    values.push_back(-1.0F + 2.0F * (static_cast<float>(i) + 0.5F) / kCount);
  }
  const Histogram histogram = Of(values);
  const Range range = ChooseRange(histogram, CalibratorKind::percentile);
  const double expected = 1 - 2.0 * 10.5 / kCount;
  // A bin holds 12 values here, so the cut is exact to one bin.
  CHECK(std::fabs(range.hi - expected) <= histogram.width());
  CHECK(std::fabs(range.lo + expected) <= histogram.width());
}

TEST_CASE("percentile drops a few outliers of a large sample") {
  std::vector<float> values(100000, 0.5F);
  for (int i = 0; i < 5; ++i) values[static_cast<size_t>(i)] = 100.0F;
  const Range range = ChooseRange(Of(values), CalibratorKind::percentile);
  CHECK(range.hi < 0.6);
  CHECK(range.hi >= 0.5);
}

// Mean squared error of int8 quantization, element by element.
double MeanSquaredError(const std::vector<float>& values, QuantParams params) {
  double sum = 0;
  for (const float x : values) {
    const double back = static_cast<double>(params.scale) *
                        (QuantizeValue(static_cast<double>(x), params) - params.zero_point);
    sum += (static_cast<double>(x) - back) * (static_cast<double>(x) - back);
  }
  return sum / static_cast<double>(values.size());
}

TEST_CASE("mse keeps a uniform range whole and clips a heavy tail to advantage") {
  std::mt19937 random(11);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  std::vector<float> flat(20000);
  for (float& x : flat) x = uniform(random);
  const Range whole = ChooseRange(Of(flat), CalibratorKind::mse);
  // Clipping a uniform distribution by c costs c^3 / 6 on each side, narrower steps win 2 c / 3
  // of step^2 / 12: the best c is a few thousandths.
  CHECK(whole.hi > 0.98);
  CHECK(whole.lo < -0.98);

  std::vector<float> heavy(20000);
  std::student_t_distribution<float> student(3.0F);
  for (float& x : heavy) x = student(random);
  const Histogram histogram = Of(heavy);
  const double clipped =
      MeanSquaredError(heavy, ParamsOf(ChooseRange(histogram, CalibratorKind::mse)));
  const double unclipped =
      MeanSquaredError(heavy, ParamsOf(ChooseRange(histogram, CalibratorKind::minmax)));
  CHECK(clipped < unclipped);
  // No range on a coarse grid of symmetric clips does clearly better.
  for (double part = 0.05; part <= 1; part += 0.05) {
    const Range all = ChooseRange(histogram, CalibratorKind::minmax);
    const double other = MeanSquaredError(heavy, ParamsOf({all.lo * part, all.hi * part}));
    CHECK(clipped < 1.05 * other);
  }
}

TEST_CASE("entropy keeps a uniform range and clips a far outlier") {
  std::vector<float> values;
  for (int i = 0; i < 50000; ++i) values.push_back(static_cast<float>(i % 1000 + 1) / 1000.0F);
  CHECK(ChooseRange(Of(values), CalibratorKind::entropy).hi > 0.95);
  values.push_back(30.0F);
  CHECK(ChooseRange(Of(values), CalibratorKind::entropy).hi < 15.0);
}

TEST_CASE("percentile of a value that is nearly always 0 keeps the rest") {
  std::vector<float> values(100000, 0.0F);
  for (size_t i = 0; i < 10; ++i) values[i] = 1.0F + static_cast<float>(i);  // 0.01 % of all
  CHECK(ChooseRange(Of(values), CalibratorKind::percentile).hi == 10);
}

TEST_CASE("no calibrator collapses on few values, or on a spike") {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(0.15F, 0.4F);
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> cases;
  // Averages over images; a handful of scores; one value and rare others; two spikes.
  std::vector<float> averages(256), scores(10), spike(200, 1.0F), spikes(1000, -1.0F);
  for (float& x : averages) x = uniform(random);
  for (float& x : scores) x = normal(random);
  for (int i = 0; i < 55; ++i) spike.push_back(1 + 10 * uniform(random));
  for (size_t i = 0; i < 400; ++i) spikes[i] = 2;
  for (const std::vector<float>& values :
       {averages, scores, spike, spikes, std::vector<float>{3.0F}, {1.0F, 2.0F}, {-1e-5F, 7.0F}}) {
    CAPTURE(values.size());
    const double whole =
        MeanSquaredError(values, ParamsOf(ChooseRange(Of(values), CalibratorKind::minmax)));
    const double step =
        static_cast<double>(ParamsOf(ChooseRange(Of(values), CalibratorKind::minmax)).scale);
    for (const auto kind :
         {CalibratorKind::percentile, CalibratorKind::mse, CalibratorKind::entropy}) {
      CAPTURE(CalibratorName(kind));
      const double error = MeanSquaredError(values, ParamsOf(ChooseRange(Of(values), kind)));
      // Ten times what rounding costs, or what it costs on average over all values.
      CHECK(error <= 10 * std::max(whole, step * step / 12));
    }
  }
}

TEST_CASE("parameters cover the range with an exact zero") {
  for (const Range range : {Range{0, 1}, Range{-1, 0}, Range{-1, 1}, Range{-0.3, 2.9},
                            Range{-1000, 0.001}, Range{0, 1e-20}}) {
    const QuantParams params = ParamsOf(range);
    CAPTURE(range.lo);
    CAPTURE(range.hi);
    const double scale = static_cast<double>(params.scale);
    CHECK(QuantizeValue(0, params) == params.zero_point);
    CHECK(params.zero_point >= -128);
    CHECK(params.zero_point <= 127);
    // Each end is at most half a step (and the scale's rounding to float) outside.
    CHECK(scale * (-128 - params.zero_point) <= range.lo + 0.501 * scale);
    CHECK(scale * (127 - params.zero_point) >= range.hi - 0.501 * scale);
    CHECK(std::fabs(scale * 255 - (range.hi - range.lo)) < 1e-4 * scale);
  }
  CHECK(ParamsOf({0, 6}).zero_point == -128);
  CHECK(ParamsOf({-6, 0}).zero_point == 127);
}

TEST_CASE("quantizing rounds half to even and clamps") {
  const QuantParams params{0.5F, 3};
  CHECK(QuantizeValue(0.25, params) == 3);   // 0.5 steps -> 0
  CHECK(QuantizeValue(0.75, params) == 5);   // 1.5 steps -> 2
  CHECK(QuantizeValue(1.25, params) == 5);   // 2.5 steps -> 2
  CHECK(QuantizeValue(-0.75, params) == 1);  // -1.5 steps -> -2
  CHECK(QuantizeValue(1e9, params) == 127);
  CHECK(QuantizeValue(-1e9, params) == -128);
}

}  // namespace
}  // namespace lutra::converter::quantize
