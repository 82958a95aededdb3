// Everything that must hold for a model to be executed safely and exactly: enum ranges, indices,
// shapes and types of every operator, blob extents and alignment, arena offsets and lifetimes (no
// tensor overwritten while it is still needed), finite positive multipliers, accumulators that
// provably fit int32. The FlatBuffers verifier checks none of this.
#pragma once

#include "schema/container.h"

namespace lutra {

/// Ok, or Code::malformed / limit / version_too_new with the tensor or operator and the reason.
/// Allocates nothing proportional to the file beyond small bounded tables; never reads outside it.
Status Validate(const ModelView& view);

}  // namespace lutra
