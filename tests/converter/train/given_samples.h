// A data set of given values, for tests.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "converter/data/dataset.h"

namespace lutra::converter::train {

struct GivenSamples : data::Dataset {
  std::vector<data::Sample> samples;
  data::Normalization rule;
  mutable std::atomic<size_t> reads = 0;

  void Add(std::vector<int64_t> dims, std::vector<float> values, int64_t label) {
    samples.push_back({Tensor::Of(std::move(dims), std::move(values)), label,
                       "sample " + std::to_string(samples.size())});
  }
  /// Images [1, 2, 2] of 4 i, 4 i + 1, 4 i + 2, 4 i + 3, with labels i mod classes.
  static std::unique_ptr<GivenSamples> Count(size_t count, int64_t classes) {
    auto data = std::make_unique<GivenSamples>();
    for (size_t i = 0; i < count; ++i) {
      const auto x = static_cast<float>(4 * i);
      data->Add({1, 2, 2}, {x, x + 1, x + 2, x + 3}, static_cast<int64_t>(i) % classes);
    }
    return data;
  }

  size_t size() const override { return samples.size(); }
  bool labelled() const override { return !samples.empty() && samples[0].label >= 0; }
  bool has_targets() const override {
    return !samples.empty() && samples[0].target.type() != DataType::undefined;
  }
  data::Sample Get(size_t index) const override {
    ++reads;
    return samples[index];
  }
  uint64_t Hash() const override { return 0; }
  data::Normalization normalization() const override { return rule; }
};

}  // namespace lutra::converter::train
