// Some samples of many, at equal distances: enough to calibrate or to compare on.
#pragma once

#include <algorithm>

#include "converter/data/dataset.h"

namespace lutra::converter::data {

class Spread : public Dataset {
 public:
  /// Keeps a reference; what is said of the data (hash, files, warnings) is said of all. At most
  /// `most` samples; all there are when they are fewer.
  Spread(const Dataset& all, size_t most) : all_(all), size_(std::min(all.size(), most)) {}

  size_t size() const override { return size_; }
  bool labelled() const override { return all_.labelled(); }
  Sample Get(size_t index) const override { return all_.Get(index * all_.size() / size_); }
  uint64_t Hash() const override { return all_.Hash(); }
  Normalization normalization() const override { return all_.normalization(); }
  bool pixels() const override { return all_.pixels(); }
  Warnings warnings() const override { return all_.warnings(); }
  std::vector<std::string> Files() const override { return all_.Files(); }

 private:
  const Dataset& all_;
  size_t size_;
};

}  // namespace lutra::converter::data
