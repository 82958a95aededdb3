// Which samples calibrate and which judge.
#pragma once

#include <cstddef>
#include <vector>

#include "converter/data/dataset.h"

namespace lutra::converter::budget {

struct Parts {
  std::vector<size_t> calibration, held_out;  ///< indices, ascending
};

/// Of more samples only so many are taken, spread over all.
inline constexpr size_t kMostDivided = 1500;

/// Half of the samples are held out, of each label its share, the others calibrate. Depends on the
/// data alone. Throws Error for fewer than two samples.
Parts Divide(const data::Dataset& data);

}  // namespace lutra::converter::budget
