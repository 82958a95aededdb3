// Data that cannot calibrate anything is told from data that can.
#include "converter/quantize/data_check.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

namespace lutra::converter::quantize {
namespace {

using SampleList = std::vector<std::vector<float>>;

class GivenRows : public data::Dataset {
 public:
  GivenRows(SampleList samples, bool stated) : samples_(std::move(samples)), stated_(stated) {}
  size_t size() const override { return samples_.size(); }
  bool labelled() const override { return false; }
  data::Sample Get(size_t index) const override {
    return {Tensor::Of({static_cast<int64_t>(samples_[index].size())}, samples_[index]), -1,
            "x.npy: sample " + std::to_string(index)};
  }
  uint64_t Hash() const override { return 0; }
  data::Normalization normalization() const override {
    data::Normalization normalization;
    normalization.stated = stated_;
    return normalization;
  }

 private:
  SampleList samples_;
  bool stated_;
};

std::vector<std::string> Said(const SampleList& samples, bool stated = true,
                              bool takes_bytes = false) {
  DataCheck check;
  for (const auto& sample : samples) check.AddSample(sample);
  Warnings warnings;
  check.Report(GivenRows(samples, stated), takes_bytes, warnings);
  return warnings.lines();
}

SampleList Normal(size_t count, float deviation = 1) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal(0, deviation);
  SampleList samples(count, std::vector<float>(300));
  for (auto& sample : samples) {
    for (float& x : sample) x = normal(random);
  }
  return samples;
}

TEST_CASE("ordinary data says nothing, nor do samples of unequal loudness") {
  CHECK(Said(Normal(16)).empty());
  SampleList loud = Normal(30);
  for (size_t i = 0; i < loud.size(); ++i) {
    for (float& x : loud[i]) x *= std::pow(1.2F, static_cast<float>(i));
  }
  CHECK(Said(loud).empty());
}

TEST_CASE("constant data") {
  const std::string cure = "; give samples as the network will see them";
  CHECK(Said(SampleList(8, std::vector<float>(5, 0.0F))) ==
        std::vector{"all values of the calibration data are 0, so no range can be read off it" +
                    cure});
  CHECK(Said(SampleList(8, std::vector<float>(5, -0.0F)))[0].find("are 0,") != std::string::npos);
  CHECK(Said(SampleList(8, std::vector<float>(5, 1.5F)))[0].starts_with(
      "all values of the calibration data are 1.5,"));
  CHECK(Said(SampleList(8, std::vector<float>(5, -2.0F)))[0].find("are -2,") != std::string::npos);
  SampleList half = Normal(16);
  for (size_t i = 0; i < 8; ++i) std::ranges::fill(half[i], static_cast<float>(i));
  CHECK(Said(half) ==
        std::vector{"8 of 16 samples of the calibration data are constant (one value throughout)" +
                    cure});
  half[0][0] = 1;
  CHECK(Said(half).empty());
  CHECK(Said({{1, 1}, {2, 2}, {3, 3}}) ==
        std::vector{"every sample of the calibration data is constant (one value throughout)" +
                    cure});
  CHECK(Said(SampleList(9, Normal(1)[0])) ==
        std::vector{"all 9 samples of the calibration data are the same" + cure});
}

TEST_CASE("very few samples") {
  CHECK(Said(Normal(1))[0].starts_with("calibration with 1 sample shows"));
  CHECK(Said(Normal(7)).size() == 1);
  CHECK(Said(Normal(8)).empty());
}

TEST_CASE("samples that own the range are named") {
  SampleList samples = Normal(16);
  samples[7][100] = 1e5F;
  std::vector<std::string> said = Said(samples);
  REQUIRE(said.size() == 1);
  CHECK(said[0].starts_with("x.npy: sample 7: is an outlier that owns the range"));
  CHECK(said[0].find("values up to 100000,") != std::string::npos);
  samples[7][100] = -20;
  CHECK(Said(samples).size() == 1);
  samples[7][100] = 5;
  CHECK(Said(samples).empty());

  samples = Normal(40);
  samples[3][0] = 900;
  samples[30][9] = -800;
  said = Said(samples);
  REQUIRE(said.size() == 1);
  CHECK(said[0].starts_with("x.npy: sample 3, x.npy: sample 30: are outliers"));
  // The other samples are all 0: one that is not is no outlier but the only one of use.
  SampleList zeros(10, std::vector<float>(300, 0.0F));
  zeros[4] = Normal(1)[0];
  const std::vector<std::string> of_zeros = Said(zeros);
  REQUIRE(of_zeros.size() == 1);
  CHECK(of_zeros[0].starts_with("9 of 10 samples of the calibration data are constant"));
}

TEST_CASE("values of another order of magnitude") {
  // The largest of 300 normal values is between 2 and 5.
  for (const auto& [deviation, word] : {std::pair{1e-3F, "so small"}, {1e4F, "so large"}}) {
    const std::vector<std::string> said = Said(Normal(10, deviation));
    REQUIRE(said.size() == 1);
    CHECK(said[0].find(word) != std::string::npos);
    CHECK(said[0].ends_with("; check scale, mean and std"));
  }
  for (const float deviation : {0.02F, 1.0F, 100.0F, 1e3F}) {
    CHECK(Said(Normal(10, deviation)).empty());
  }
  // Indices, as of words, may be large.
  SampleList indices = Normal(10, 1e5F);
  for (auto& sample : indices) {
    for (float& x : sample) x = std::floor(std::fabs(x));
  }
  CHECK(Said(indices).empty());
}

TEST_CASE("pixels of 0 to 255, unless it is said that they are meant") {
  SampleList pixels = Normal(10, 60);
  for (auto& sample : pixels) {
    for (float& x : sample) x = std::min(255.0F, std::floor(std::fabs(x)));
  }
  const std::vector<std::string> said = Said(pixels, false);
  REQUIRE(said.size() == 1);
  CHECK(said[0].find("pixels of 0 to 255") != std::string::npos);
  CHECK(Said(pixels, true).empty());
  CHECK(Said(pixels, false, true).empty());
  for (auto& sample : pixels) {
    for (float& x : sample) x /= 255;
  }
  CHECK(Said(pixels, false).empty());
}

}  // namespace
}  // namespace lutra::converter::quantize
