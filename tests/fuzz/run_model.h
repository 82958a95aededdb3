// What both fuzz drivers do with a file's bytes: what a careful program does with a model it does
// not trust, on the row that is asked for.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lutra::test {

enum class FuzzResult : uint8_t { refused, too_large, ran };

/// lutra_requirements, then open, one run on zero inputs, close; a model that needs more than 64 MB
/// is left alone. Aborts when the API contradicts itself (a model that passed cannot be opened or
/// run).
FuzzResult RunModel(const uint8_t* bytes, size_t size, const char* row);

}  // namespace lutra::test
