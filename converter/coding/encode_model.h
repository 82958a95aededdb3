// Entropy codes the weights of a model that is about to be written (docs/model_format.md, Blobs).
#pragma once

#include "runtime/coding/codec.h"
#include "schema/writer.h"

namespace lutra::converter::encoding {

/// Stores every blob of integer weights or codebook indices under `codec` where that is smaller. A
/// blob that something else uses too, or weights of another shape, stays as it is. With `best` the
/// parameters of the channels become small too (compact_params.h).
void EncodeModel(ModelWriter* writer, coding::Codec codec);

}  // namespace lutra::converter::encoding
