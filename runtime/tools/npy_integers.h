// Arrays of integers as the type that a port takes: exact, or refused.
#pragma once

#include <string>

#include "base/npy.h"
#include "schema/tensor_type.h"

namespace lutra::tools {

/// Integers and booleans as the elements of an integer type or bool. Returns false and fills *error
/// with one line where the array holds floats, or an element is none that the type has.
bool ToIntegers(const std::string& path, schema::TensorType type, NpyArray* array,
                std::string* error);

/// The header of an array of these elements, without a shape.
NpyHeader HeaderOf(schema::TensorType type);

}  // namespace lutra::tools
