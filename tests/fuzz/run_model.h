// What all tests of hostile models do with a file's bytes: what a careful program does with a model
// it does not trust, on the row that is asked for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lutra/lutra.h"

namespace lutra::test {

enum class FuzzResult : uint8_t { refused, too_large, ran };

/// lutra_requirements, then open, one run on zero inputs, a look at the outputs, close; a model
/// that needs more than 64 MB is left alone. Aborts when the API contradicts itself (a model that
/// passed cannot be opened, unless coded weights do not decode, or run). *known: what
/// lutra_requirements returned.
FuzzResult RunModel(const uint8_t* bytes, size_t size, const char* row,
                    lutra_status* known = nullptr);

}  // namespace lutra::test
