// Weights as a file stores them, packed: entropy-coded values are decoded first, into borrowed
// memory of the model's block behind all that packing uses, so that no decoded copy outlives it and
// the stated need counts it.
#pragma once

#include "runtime/weights.h"

namespace lutra {

/// PackWeights of what ReadWeights gave, in the form that ChooseSparse makes of the target's.
/// Entropy-coded values are unknown while the block counts. Then the target stays as it is, which
/// needs no less memory. Code::malformed (or truncated, limit) when the values do not
/// decode or their sums do not fit, which nobody knows before.
Status PackStoredWeights(PrepareScope& scope, const schema::Weights& weights, WeightSource source,
                         PackTarget* target, int32_t left_zero_point, const void** packed);

/// What PackStoredWeights will choose between when entropy-coded values are decoded; `dense` is the
/// product that the target packs for now.
OpenChoice ChoiceWhenDecoded(const ModelView& view, const schema::Weights& weights,
                             const PackTarget& target, const kernels::IntGemmKernels& dense);

}  // namespace lutra
