// Some samples of many, by their indices.
#pragma once

#include <utility>
#include <vector>

#include "converter/data/dataset.h"

namespace lutra::converter::data {

class Subset : public Dataset {
 public:
  /// Keeps a reference; what is said of the data (hash, files, warnings) is said of all.
  Subset(const Dataset& all, std::vector<size_t> indices)
      : all_(all), indices_(std::move(indices)) {}

  size_t size() const override { return indices_.size(); }
  bool labelled() const override { return all_.labelled(); }
  bool has_targets() const override { return all_.has_targets(); }
  Sample Get(size_t index) const override { return all_.Get(indices_[index]); }
  uint64_t Hash() const override { return all_.Hash(); }
  Normalization normalization() const override { return all_.normalization(); }
  bool pixels() const override { return all_.pixels(); }
  Warnings warnings() const override { return all_.warnings(); }
  std::vector<std::string> Files() const override { return all_.Files(); }

 private:
  const Dataset& all_;
  std::vector<size_t> indices_;
};

}  // namespace lutra::converter::data
