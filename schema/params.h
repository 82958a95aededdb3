// How the parameters of a weight operand lie in their blob (model.fbs, Weights): biases, then
// multipliers or scales, then zero points. The one place that knows, for reading and for writing.
#pragma once

#include <cstdint>

#include "model_generated.h"  // generated from model.fbs at build time

namespace lutra {

struct ParamLayout {
  uint64_t bias_bytes = 4;  ///< of one channel
  uint64_t scale_begin = 0, zero_point_begin = 0;
  uint64_t bytes = 0;  ///< of all
  bool one_scale = false;

  uint64_t ScaleAt(uint64_t channel) const { return scale_begin + (one_scale ? 0 : 4 * channel); }
};

/// Of n output channels, at most 2^32. Weights: schema::Weights' fields by value; `scaled`: of kind
/// linear or codebook.
inline ParamLayout LayOutParams(uint64_t n, bool scaled, bool short_bias, bool one_scale,
                                bool zero_points) {
  ParamLayout layout;
  layout.bias_bytes = short_bias ? 2 : 4;
  layout.one_scale = one_scale;
  layout.scale_begin = (n * layout.bias_bytes + 3) / 4 * 4;
  layout.zero_point_begin = layout.scale_begin + (scaled ? 4 * (one_scale ? 1 : n) : 0);
  layout.bytes = layout.zero_point_begin + (zero_points ? n : 0);
  return layout;
}

inline ParamLayout LayOutParams(const schema::Weights& weights, uint64_t n) {
  const bool scaled = weights.kind() == schema::WeightKind::linear ||
                      weights.kind() == schema::WeightKind::codebook;
  return LayOutParams(n, scaled, weights.short_bias(), weights.one_scale(),
                      weights.has_zero_points());
}

}  // namespace lutra
