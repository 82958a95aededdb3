// Calibration data that int8 ranges cannot be read off: a conversion measured on that same data
// looks good, and fails on all other. Looks at the network's input alone; training_statistics.h
// compares with what the network saw in training.
#pragma once

#include <span>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/warnings.h"

namespace lutra::converter::quantize {

class DataCheck {
 public:
  /// The network's input, finite values, sample by sample in the data's order.
  void AddSample(std::span<const float> input);

  /// Data that is constant or shows one thing only; samples that own the range (by name); values of
  /// another order of magnitude than networks are trained on; pixels that nobody said to scale or
  /// not to (unless the network takes bytes); very few samples.
  void Report(const data::Dataset& data, bool takes_bytes, Warnings& warnings) const;

 private:
  struct Extent {
    float low, high;
    float Magnitude() const;
  };
  void ReportOutliers(const data::Dataset& data, Warnings& warnings) const;
  void ReportMagnitude(Warnings& warnings) const;  // some sample is not constant

  std::vector<Extent> samples_;
  std::vector<float> first_;  // the first sample
  bool all_like_first_ = true;
  bool integers_ = true;
  bool bytes_ = true;  // every value is an integer from 0 to 255
};

}  // namespace lutra::converter::quantize
