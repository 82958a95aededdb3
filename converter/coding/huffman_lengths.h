// Optimal code lengths under a limit: package-merge (Larmore and Hirschberg, 1990).
#pragma once

#include <cstdint>
#include <span>

#include "runtime/coding/huffman_table.h"

namespace lutra::converter::encoding {

/// Lengths of at most coding::kMaxCodeBits for letters that occur frequencies[letter] times; those
/// with 0 get no code. At least one letter must occur.
coding::CodeLengths LimitedLengths(std::span<const uint64_t> frequencies);

}  // namespace lutra::converter::encoding
