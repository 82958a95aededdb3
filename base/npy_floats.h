// Arrays of any number type as float32, which is what models take. Exact, or refused: an integer
// that float32 would round is an index or a time stamp, and no input of a network.
#pragma once

#include <string>

#include "base/npy.h"

namespace lutra {

/// Booleans become 0 and 1, float64 the nearest float32. Returns false and fills *error with one
/// line (file, element, cure) where float32 does not hold an integer, or a float64 is beyond it.
bool ToFloats(const std::string& path, NpyArray* array, std::string* error);

}  // namespace lutra
