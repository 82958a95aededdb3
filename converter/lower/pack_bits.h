// The file's form of low-bit integers: two's complement, `bits` bits each, from the least
// significant bit of each byte onwards, without padding between rows.
#pragma once

#include <cstdint>
#include <vector>

namespace lutra::converter::lowering {

/// bits 1..8; the last byte is filled up with zero bits.
std::vector<uint8_t> PackBits(const std::vector<int8_t>& values, int bits);

}  // namespace lutra::converter::lowering
