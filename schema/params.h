// How the parameters of a weight operand lie in their blob (model.fbs, Weights): biases, then
// multipliers or scales, then zero points or scales of groups. The one place that knows, for
// reading and for writing.
#pragma once

#include <cstdint>

#include "base/weight_format.h"
#include "model_generated.h"  // generated from model.fbs at build time

namespace lutra {

/// How the file says that the weights are written; of a kind that validation has accepted.
inline WeightFormat FormatOf(const schema::Weights& weights) {
  WeightFormat format;
  format.kind = static_cast<WeightKind>(weights.kind());
  format.bits = weights.bits();
  if (weights.one_scale()) format.granularity = Granularity::tensor;
  if (weights.group() != 0) {
    format.granularity = Granularity::group;
    format.group = weights.group();
  }
  format.codebook_channels = weights.codebook_channels();
  format.asymmetric = weights.has_zero_points();
  return format;
}

struct ParamLayout {
  uint64_t bias_bytes = 4;  ///< of one channel
  uint64_t scale_begin = 0, zero_point_begin = 0, group_scale_begin = 0;
  uint64_t bytes = 0;  ///< of all
  bool one_scale = false;

  uint64_t ScaleAt(uint64_t channel) const { return scale_begin + (one_scale ? 0 : 4 * channel); }
};

/// Of n output channels of k elements, at most 2^32 each. Granularity tensor is one scale, stored
/// once.
inline ParamLayout LayOutParams(const WeightFormat& format, uint64_t n, uint64_t k,
                                bool short_bias) {
  ParamLayout layout;
  layout.bias_bytes = short_bias ? 2 : 4;
  layout.one_scale = format.granularity == Granularity::tensor;
  layout.scale_begin = (n * layout.bias_bytes + 3) / 4 * 4;
  const uint64_t scales = layout.one_scale ? 1 : n;
  layout.zero_point_begin = layout.scale_begin + (format.HasIntegers() ? 4 * scales : 0);
  layout.group_scale_begin = layout.zero_point_begin + (format.asymmetric ? n : 0);
  const bool groups = format.granularity == Granularity::group;
  layout.bytes = layout.group_scale_begin + (groups ? format.Scales(n, k) : 0);
  return layout;
}

inline ParamLayout LayOutParams(const schema::Weights& weights, uint64_t n, uint64_t k) {
  return LayOutParams(FormatOf(weights), n, k, weights.short_bias());
}

}  // namespace lutra
