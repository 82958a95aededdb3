// Each change of a sample against what it should do to one that shows where every value went.
#include "converter/train/augment.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "converter/error.h"

namespace lutra::converter::train {
namespace {

using Values = std::vector<float>;

Tensor Counting(std::vector<int64_t> dims) {
  Values values(ElementCount(dims));
  std::iota(values.begin(), values.end(), 1.0F);
  return Tensor::Of(std::move(dims), values);
}

// What becomes of the sample with `tries` different numbers.
std::vector<Values> Changed(const std::string& how, const Tensor& sample, size_t tries = 400,
                            const data::Normalization& rule = {}) {
  std::vector<Values> results;
  for (size_t i = 0; i < tries; ++i) {
    Tensor copy = sample;
    Augment(ParseAugmentation(how), rule, Random(1, Purpose::augment, 0, i), copy);
    CHECK(copy.dims() == sample.dims());
    results.push_back(copy.ToFloats());
  }
  return results;
}

std::set<Values> Unique(const std::vector<Values>& results) {
  return {results.begin(), results.end()};
}

TEST_CASE("flip") {
  const auto results = Changed("flip", Counting({2, 2, 3}));
  const Values same = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const Values flipped = {3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10};
  CHECK(Unique(results) == std::set<Values>{same, flipped});
  // Five deviations of a count, sqrt(400 / 4) each.
  CHECK(std::abs(std::ranges::count(results, same) - 200) < 50);
}

TEST_CASE("minibatches mirrored, in either layout") {
  const std::vector<int64_t> sample = {2, 1, 3};
  const Tensor first = Counting({2, 2, 1, 3});
  CHECK(Mirrored(first, sample).ToFloats() == Values{3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10});
  const Tensor last = Counting({2, 1, 3, 2});
  CHECK(Mirrored(last, sample).ToFloats() == Values{5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8});
  // As many rows as channels as columns: the network takes them as they are.
  CHECK(Mirrored(Counting({1, 2, 2, 2}), {2, 2, 2}).ToFloats() == Values{2, 1, 4, 3, 6, 5, 8, 7});
}

TEST_CASE("crop") {
  // Black of each channel: (0 - mean) / std.
  const data::Normalization rule{1, {1, 2}, {0.5F, 0.25F}};
  std::set<Values> expected;
  for (int down = -1; down <= 1; ++down) {
    for (int right = -1; right <= 1; ++right) {
      Values values;
      for (int c = 0; c < 2; ++c) {
        for (int y = 0; y < 2; ++y) {
          for (int x = 0; x < 3; ++x) {
            const int v = y - down, u = x - right;
            const bool inside = v >= 0 && v < 2 && u >= 0 && u < 3;
            values.push_back(inside ? static_cast<float>(1 + c * 6 + v * 3 + u)
                                    : (c == 0 ? -2.0F : -8.0F));
          }
        }
      }
      expected.insert(values);
    }
  }
  CHECK(Unique(Changed("crop:1", Counting({2, 2, 3}), 400, rule)) == expected);
}

TEST_CASE("shift along time, the longest dimension") {
  const std::set<Values> line = {
      {1, 1, 1, 2, 3}, {1, 1, 2, 3, 4}, {1, 2, 3, 4, 5}, {2, 3, 4, 5, 5}, {3, 4, 5, 5, 5}};
  CHECK(Unique(Changed("shift:2", Counting({5}))) == line);
  const std::set<Values> frames = {{1, 2, 1, 2, 3, 4}, {1, 2, 3, 4, 5, 6}, {3, 4, 5, 6, 5, 6}};
  CHECK(Unique(Changed("shift:1", Counting({3, 2}))) == frames);
  CHECK(Unique(Changed("shift:1", Counting({1, 3, 2}))) == frames);
  const std::set<Values> channels = {{1, 1, 2, 4, 4, 5}, {1, 2, 3, 4, 5, 6}, {2, 3, 3, 5, 6, 6}};
  CHECK(Unique(Changed("shift:1", Counting({2, 3}))) == channels);
}

TEST_CASE("cut-out") {
  // A square of 2 x 2 whose lower right pixel is the centre: at the upper and left border only that
  // row or column lies inside.
  std::set<Values> expected;
  for (int cy = 0; cy < 3; ++cy) {
    for (int cx = 0; cx < 4; ++cx) {
      Values values = Counting({2, 3, 4}).ToFloats();
      for (int c = 0; c < 2; ++c) {
        for (int y = std::max(cy - 1, 0); y <= cy; ++y) {
          for (int x = std::max(cx - 1, 0); x <= cx; ++x) {
            values[static_cast<size_t>(c * 12 + y * 4 + x)] = 0;
          }
        }
      }
      expected.insert(values);
    }
  }
  CHECK(Unique(Changed("cutout:2", Counting({2, 3, 4}))) == expected);
}

TEST_CASE("jitter keeps what it must") {
  // Raw pixels between 0 and 255 as the network takes them, and back.
  const data::Normalization rule{1.0F / 255, {0.5F, 0.4F, 0.3F}, {0.25F, 0.2F, 0.5F}};
  const std::vector<Values> raw = {{10, 200}, {90, 40}, {30, 250}};
  Values values;
  for (size_t c = 0; c < 3; ++c) {
    for (const float x : raw[c]) values.push_back(rule.Apply(x, c));
  }
  const Tensor sample = Tensor::Of({3, 1, 2}, values);
  const double before = (10 + 200 + 90 + 40 + 30 + 250) / 6.0;
  double least = 9, most = 0;
  for (const Values& result : Changed("jitter:0.5", sample, 400, rule)) {
    double x[3][2], mean = 0;
    for (size_t c = 0; c < 3; ++c) {
      for (size_t p = 0; p < 2; ++p) {
        x[c][p] = static_cast<double>(rule.Scaled(result[c * 2 + p], c)) * 255;
        mean += x[c][p] / 6;
      }
    }
    // The mean changes by the brightness alone.
    const double brightness = mean / before;
    least = std::min(least, brightness);
    most = std::max(most, brightness);
    const double gray[2] = {(x[0][0] + x[1][0] + x[2][0]) / 3, (x[0][1] + x[1][1] + x[2][1]) / 3};
    // The two pixels' grays: 43.3 and 163.3, apart by brightness x contrast.
    const double contrast = (gray[1] - gray[0]) / 120 / brightness;
    CHECK((contrast > 0.499 && contrast < 1.501));
    // Within a pixel, channels: apart by brightness x contrast x saturation.
    const double saturation = (x[1][0] - x[0][0]) / 80 / brightness / contrast;
    CHECK((saturation > 0.499 && saturation < 1.501));
    CHECK((x[2][1] - x[1][1]) / 210 == doctest::Approx((x[1][0] - x[0][0]) / 80).epsilon(1e-3));
  }
  CHECK((least > 0.499 && least < 0.51));
  CHECK((most < 1.501 && most > 1.49));
}

TEST_CASE("noise has the sample's size") {
  // Deviation of -3, 3, ...: 3.
  Values values(4000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = i % 2 == 0 ? 10.0F : 16.0F;
  const Tensor sample = Tensor::Of({4000}, values);
  double squares = 0;
  for (const Values& result : Changed("noise:0.1", sample, 5)) {
    for (size_t i = 0; i < result.size(); ++i) {
      const double error = static_cast<double>(result[i] - values[i]);
      squares += error * error;
    }
  }
  // 20,000 squares of deviation 0.3: five relative deviations of their mean, sqrt(2 / 20000) each.
  CHECK(squares / 20000 == doctest::Approx(0.09).epsilon(0.05));
  // Silence stays silent.
  CHECK(Changed("noise:0.1", Tensor(DataType::float32, {4}), 1)[0] == Values(4));
}

TEST_CASE("nothing changes nothing") {
  CHECK(Unique(Changed("none", Counting({2, 3}))) == std::set<Values>{{1, 2, 3, 4, 5, 6}});
}

TEST_CASE("the words of --augment") {
  const Augmentation all =
      ParseAugmentation("flip,crop:4,cutout:8,mixup:0.2,jitter:0.3,shift:2,noise:0.01");
  CHECK((all.flip && all.crop == 4 && all.cutout == 8 && all.shift == 2));
  CHECK((all.mixup == 0.2 && all.jitter == 0.3 && all.noise == 0.01));
  const auto refused = [](const std::string& text, const std::string& message) {
    CHECK_THROWS_WITH_AS(ParseAugmentation(text), message.c_str(), Error);
  };
  const std::string known =
      "known are flip, crop:PIXELS, cutout:PIXELS, mixup:ALPHA, jitter:PART, shift:STEPS, "
      "noise:PART, or none";
  refused("flop", "augmentation 'flop' is not known; " + known);
  refused("", "augmentation '' is not known; " + known);
  refused("flip,", "augmentation '' is not known; " + known);
  refused("flip:2", "augmentation 'flip:2' is not known; " + known);
  refused("flip,none", "augmentation 'none' is not known; " + known);
  refused("flip,crop:2,flip", "augmentation 'flip' is given twice; keep one of them");
  const std::string crop = ": crop needs a whole number from 1 to 4096, as in crop:4";
  for (const char* entry :
       {"crop", "crop:", "crop:0", "crop:2.5", "crop:4x", "crop:nan", "crop:-1", "crop:1e9"}) {
    refused(entry, "augmentation '" + std::string(entry) + "'" + crop);
  }
  refused("mixup:2",
          "augmentation 'mixup:2': mixup needs a number from 0.01 to 1, as in mixup:0.2");
}

TEST_CASE("samples that cannot be changed so are refused") {
  const auto check = [](const std::string& how, const std::vector<int64_t>& dims) {
    CheckAugmentation(ParseAugmentation(how), dims);
  };
  check("flip,crop:4,cutout:8,jitter:0.2,shift:2,noise:0.1", {3, 16, 16});
  check("shift:15,noise:0.1", {16});
  CHECK_THROWS_WITH_AS(check("flip", {784}),
                       "augmentation 'flip' needs images [channels, height, width], but samples "
                       "are 784; leave it out",
                       Error);
  CHECK_THROWS_WITH_AS(check("crop:16", {3, 16, 20}),
                       "augmentation 'crop' needs images of more than 16 pixels each way, but "
                       "samples are 3x16x20; leave it out",
                       Error);
  CHECK_THROWS_AS(check("cutout:2", {49, 10}), Error);
  CHECK_THROWS_AS(check("jitter:0.1", {1, 28, 28}), Error);
  CHECK_THROWS_AS(check("shift:16", {16}), Error);
  CHECK_THROWS_AS(check("shift:1", {}), Error);
}

}  // namespace
}  // namespace lutra::converter::train
