// The linear schemes of archives. Scales (and minimums) are stored as halves times a power of two
// that the whole tensor shares, so that neither tiny nor huge weights leave the range of FP16.
//
//   symmetric    real = s * q,        q in -(2^(b-1) - 1) .. 2^(b-1) - 1
//   asymmetric   real = m + s * q,    q in 0 .. 2^b - 1         (min-max)
//
// s is the ideal scale rounded up to a half (m the minimum rounded down), and it is this stored s
// that weights are divided by. Hence no q is ever cut off, and |weight - real| <= s / 2, where
// s <= ideal * (1 + 2^-10) as long as the ideal scale is at least 2^-28 of the tensor's largest.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "converter/archive/contents.h"

namespace lutra::converter::archive {

/// Of finite values. Sets the entry's exponents and wide_minimums; its dims, bits, granularity and
/// asymmetric say what to do. `parameters` gets entry.parameters() halves: all scales, then all
/// minimums.
void QuantizeLinear(std::span<const double> values, ArchiveEntry& entry,
                    std::vector<uint16_t>& parameters, std::vector<uint16_t>& symbols);

std::vector<double> DequantizeLinear(const ArchiveEntry& entry,
                                     std::span<const uint16_t> parameters,
                                     std::span<const uint16_t> symbols);

}  // namespace lutra::converter::archive
