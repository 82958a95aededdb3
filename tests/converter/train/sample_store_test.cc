// Samples come out of memory as the data set gave them, whatever form they are kept in.
#include "converter/train/sample_store.h"

#include <doctest/doctest.h>

#include "converter/error.h"
#include "converter/train/given_samples.h"

namespace lutra::converter::train {
namespace {

// Every byte in each of the channels, as a data set normalizes it.
GivenSamples& AllBytes(GivenSamples& data, const data::Normalization& rule, int64_t channels) {
  data.rule = rule;
  std::vector<float> values;
  for (int64_t c = 0; c < channels; ++c) {
    for (int x = 0; x < 256; ++x) {
      values.push_back(rule.Apply(static_cast<float>(x), static_cast<size_t>(c)));
    }
  }
  data.Add({channels, 16, 16}, values, 0);
  return data;
}

TEST_CASE("pixels are kept as bytes") {
  Workers workers(1);
  const std::vector<data::Normalization> rules = {
      {},
      {1.0F / 255, {0.4914F, 0.4822F, 0.4465F}, {0.2470F, 0.2435F, 0.2616F}},
      {1, {127.5F}, {127.5F}},
      {1, {123.675F, 116.28F, 103.53F}, {58.395F}},
      {-0.01F, {}, {0.5F}}};
  for (const data::Normalization& rule : rules) {
    GivenSamples data;
    AllBytes(data, rule, 3);
    const SampleStore store(data, {-1, 3, 16, 16}, workers);
    CHECK(store.kept_bytes() == 3 * 256);
    data.reads = 0;
    CHECK(store.Get(0) == data.samples[0].input);
    CHECK(data.reads == 0);
  }
}

TEST_CASE("other values are kept as they are") {
  Workers workers(1);
  for (const float odd : {0.5F, -1.0F, 256.0F, -0.0F}) {
    GivenSamples data;
    data.Add({2, 2}, {1, 2, odd, 255}, 0);
    const SampleStore store(data, {1, 2, 2}, workers);
    CHECK(store.kept_bytes() == 16);
    CHECK(store.Get(0) == data.samples[0].input);
  }
  // A scale of 0 has no way back.
  GivenSamples data;
  data.rule = {0, {}, {}};
  data.Add({4}, {0, 0, 0, 0}, 0);
  const SampleStore store(data, {1, 4}, workers);
  CHECK(store.Get(0) == data.samples[0].input);
}

TEST_CASE("what does not fit is read again") {
  const auto data = GivenSamples::Count(5, 2);
  Workers workers(1);
  const SampleStore store(*data, {1, 1, 2, 2}, workers, 11);
  CHECK(store.kept() == 2);
  CHECK(store.kept_bytes() == 8);
  data->reads = 0;
  for (size_t i = 0; i < 5; ++i) CHECK(store.Get(i) == data->samples[i].input);
  CHECK(data->reads == 3);
  CHECK(store.labels() == std::vector<int64_t>{0, 1, 0, 1, 0});
}

TEST_CASE("threads read the same") {
  const auto data = GivenSamples::Count(60, 7);
  Workers workers(3);
  const SampleStore store(*data, {1, 4}, workers);
  CHECK(store.kept() == 60);
  for (size_t i = 0; i < 60; ++i) {
    CHECK(store.Get(i) == data->samples[i].input);
    CHECK(store.labels()[i] == static_cast<int64_t>(i % 7));
  }
}

TEST_CASE("data that cannot be used is refused before training") {
  Workers workers(2);
  GivenSamples data;
  CHECK_THROWS_WITH_AS(SampleStore(data, {1, 4}, workers),
                       "the data holds no samples; training needs some", Error);
  data.Add({2, 2}, {1, 2, 3, 4}, 0);
  data.Add({4}, {1, 2, 3, 4}, 0);
  data.Add({5}, {1, 2, 3, 4, 5}, 0);
  CHECK_THROWS_WITH_AS(SampleStore(data, {1, 4}, workers),
                       "sample 1: gives a sample of dimensions 4, but the first one has 2x2; set "
                       "resize, center_crop or layout",
                       Error);
  data.samples[1] = data.samples[0];
  CHECK_THROWS_WITH_AS(SampleStore(data, {1, 4}, workers),
                       "sample 2: gives a sample of shape [5], but the network's input has shape "
                       "[1, 4]; set resize, center_crop or layout in the data description",
                       Error);
  CHECK_THROWS_AS(SampleStore(data, {}, workers), Error);
}

TEST_CASE("labels") {
  Workers workers(1);
  const auto data = GivenSamples::Count(6, 3);
  Warnings warnings;
  CheckLabels(SampleStore(*data, {1, 4}, workers), 3, warnings);
  CHECK(warnings.empty());
  CheckLabels(SampleStore(*data, {1, 4}, workers), 5, warnings);
  CHECK(warnings.lines() ==
        std::vector<std::string>{"2 of the network's 5 classes have no sample in the data (the "
                                 "first is 3), so training makes the network forget them; add "
                                 "samples of each class"});
  data->samples[4].label = 3;
  CHECK_THROWS_WITH_AS(CheckLabels(SampleStore(*data, {1, 4}, workers), 3, warnings),
                       "sample 4: label 3 is none of the network's 3 classes, which count from 0",
                       Error);
  data->samples[4].label = -1;
  CHECK_THROWS_AS(CheckLabels(SampleStore(*data, {1, 4}, workers), 3, warnings), Error);
  for (data::Sample& sample : data->samples) sample.label = -1;
  CHECK_THROWS_WITH_AS(CheckLabels(SampleStore(*data, {1, 4}, workers), 3, warnings),
                       "the data has no labels, which this training needs; name them in the data "
                       "description, or train against the network's own outputs with --unlabelled",
                       Error);
}

}  // namespace
}  // namespace lutra::converter::train
