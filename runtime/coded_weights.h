// Weights as a file stores them, packed: entropy-coded values are decoded first, into borrowed
// memory of the model's block behind all that packing uses, so that no decoded copy outlives it and
// the stated need counts it.
#pragma once

#include "runtime/weights.h"

namespace lutra {

/// PackWeights of what ReadWeights gave. Code::malformed (or truncated, limit) when the values do
/// not decode or their sums do not fit, which nobody knows before.
Status PackStoredWeights(PrepareScope& scope, const schema::Weights& weights, WeightSource source,
                         const PackTarget& target, int32_t left_zero_point, const void** packed);

}  // namespace lutra
