// The codebooks of archives: one per tensor, of at most 2^bits values, and one more index for zero
// in a tensor that holds zeros (pruned ones do). A tensor with no more distinct values than that is
// kept exactly: the entries are then its values. Otherwise they are the centroids of the optimal
// clustering, as halves times a shared power of two.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "converter/archive/contents.h"

namespace lutra::converter::archive {

/// Of finite values whose magnitude float32 holds. entry.format.bits says how many entries; sets
/// pruned, exact, entries, table and scale_exponent.
void QuantizeCodebook(std::span<const double> values, ArchiveEntry& entry,
                      std::vector<uint16_t>& parameters, std::vector<uint16_t>& symbols);

/// Throws Error for a symbol past the codebook.
std::vector<double> DequantizeCodebook(const ArchiveEntry& entry,
                                       std::span<const uint16_t> parameters,
                                       std::span<const uint16_t> symbols);

}  // namespace lutra::converter::archive
