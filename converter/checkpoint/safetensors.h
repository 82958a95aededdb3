// The safetensors format (github.com/huggingface/safetensors): the length of a JSON header as
// uint64, the header {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...},
// and the bytes of all tensors without gaps, little endian and row-major.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "converter/checkpoint/checkpoint.h"

namespace lutra::converter::checkpoint {

bool IsSafetensors(std::span<const uint8_t> bytes);

/// The entry of the header that is no tensor: a map from text to text.
inline constexpr const char* kMetadataName = "__metadata__";

/// Throws Error. Tensors come in the header's order; metadata is listed as skipped, too.
Checkpoint ReadSafetensors(std::span<const uint8_t> bytes);

/// Header entries in the given order; the bytes of wide types come before those of narrow ones, so
/// that every tensor is aligned to its elements. Names must be UTF-8. Throws Error for a name that
/// the format has taken, and for a header of more than 100 MB.
std::vector<uint8_t> WriteSafetensors(std::span<const NamedTensor> tensors,
                                      const std::map<std::string, std::string>& metadata = {});

}  // namespace lutra::converter::checkpoint
