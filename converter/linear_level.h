// The rounding of linear quantization, wherever weights are rounded: layers, archives, training.
#pragma once

#include <algorithm>
#include <cmath>

#include "base/weight_format.h"

namespace lutra::converter {

/// The level whose real number, scale * (level - zero_point), is nearest to w, of two the even one;
/// the lowest or highest where w lies beyond. scale > 0.
inline int NearestLevel(double w, double scale, int zero_point, LinearLevels levels) {
  const double q = std::nearbyint(w / scale) + zero_point;
  return static_cast<int>(
      std::clamp(q, static_cast<double>(levels.lowest), static_cast<double>(levels.highest)));
}

}  // namespace lutra::converter
