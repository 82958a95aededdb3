// Everything that must hold for a model to be executed safely and exactly: enum ranges, indices,
// shapes and types of every operator, blob extents and alignment, arena offsets and lifetimes (no
// tensor overwritten while it is still needed), finite positive multipliers, accumulators that
// provably fit int32. The FlatBuffers verifier checks none of this.
#pragma once

#include "schema/container.h"

namespace lutra {

/// Ok, or malformed, limit, version_too_new, out_of_memory with one line that names the tensor,
/// operator or port and the reason. Takes time linear in the graph and the weights, and frees what
/// it allocates (about 120 bytes per tensor, at most kMaxTensors) before it returns. Reads nothing
/// outside the file. Thread-safe.
/// Of entropy-coded weights it checks all but what their values tell.
Status Validate(const ModelView& view);

/// The values of an operator's coded weights, decoded to what a raw blob would hold.
struct DecodedWeights {
  const schema::Weights* weights;
  schema::Compute compute;
  size_t n, k;  ///< output channels, weights of each
  int32_t input_zero_point;
  const uint8_t* values;
};

/// Of a model that Validate has accepted: what was left, that the sums fit.
Status ValidateDecodedWeights(const ModelView& view, const schema::Operator& op,
                              const DecodedWeights& decoded);

}  // namespace lutra
