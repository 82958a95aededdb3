// Some samples of many, at equal distances: enough to calibrate or to compare on.
#pragma once

#include <algorithm>
#include <vector>

#include "converter/data/subset.h"

namespace lutra::converter::data {

/// At most `most` indices of so many samples, ascending; all where they are fewer.
inline std::vector<size_t> SpreadIndices(size_t samples, size_t most) {
  std::vector<size_t> indices(std::min(samples, most));
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = i * samples / indices.size();
  return indices;
}

class Spread : public Subset {
 public:
  /// Keeps a reference.
  Spread(const Dataset& all, size_t most) : Subset(all, SpreadIndices(all.size(), most)) {}
};

}  // namespace lutra::converter::data
