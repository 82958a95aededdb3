// Settings per layer from texts "conv1=84", "fc*=9" or "50", the last for all others: of the
// entries that fit a layer the last one counts.
#pragma once

#include <string>
#include <vector>

#include "converter/edit/weights.h"

namespace lutra::converter::edit {

class PerLayer {
 public:
  struct Range {
    double lowest, highest;
    bool whole = false;  ///< whole numbers only
  };

  PerLayer() = default;
  /// Throws Error naming `what` ("--keep") unless every number lies in the range.
  PerLayer(const std::string& what, const std::vector<std::string>& texts, const Range& range);
  /// The layer's number, or null. Layers go by the names that LayerWeights has.
  const double* Find(const LayerWeights& weight) const;
  /// Throws Error when an entry names no layer.
  void CheckNames(const std::vector<LayerWeights>& weights) const;

 private:
  struct Entry {
    std::string pattern;
    double number;

    bool Fits(const LayerWeights& weight) const;
  };
  std::string what_;
  std::vector<Entry> entries_;
};

}  // namespace lutra::converter::edit
