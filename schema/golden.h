// Inputs of the golden check: a counter-based generator that fits in a few lines of any language,
// so that a device, a test and the converter fill the same bytes. docs/model_format.md specifies
// it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schema/container.h"

namespace lutra {

/// Fills `elements` native elements of input `input` (one sample, dense, the tensor's own layout)
/// for a seed. With mix the finalizer of splitmix64 and
///   word(w) = mix(seed + 0x9E3779B97F4A7C15 * (2^32 * input + w + 1)),
/// byte e of the sequence is byte e % 8 (least significant first) of word(e / 8), as an integer q
/// of -128..127. Signed integers: q itself. uint8: the byte. bool: its lowest bit. float32 and
/// float16: q / 64, which is exact.
void FillGoldenInput(uint64_t seed, uint32_t input, schema::TensorType type, size_t elements,
                     void* out);

}  // namespace lutra
