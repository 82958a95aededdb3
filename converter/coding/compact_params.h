// Parameters of weights in their smallest form (model.fbs, Weights): one scale where all channels
// have the same, biases of 16 bits where they fit. In networks of few weights, or few that are not
// 0, the parameters of the channels are a large part of the file.
#pragma once

#include <cstdint>
#include <set>

#include "schema/writer.h"

namespace lutra::converter::encoding {

/// Rewrites those parameter blobs of a model about to be written that nothing else uses.
void CompactParams(const std::set<uint16_t>& used_once, ModelWriter* writer);

}  // namespace lutra::converter::encoding
