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
Status Validate(const ModelView& view);

}  // namespace lutra
