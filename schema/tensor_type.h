// What is known of the types that elements of a tensor may have, a line for each member of the
// schema's TensorType: its C++ type in memory, its name, and whether its integers stand for real
// numbers by the tensor's scale and zero point.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model_generated.h"

namespace lutra {

/// IEEE 754 binary16 (base/half.h).
struct Half {
  uint16_t bits;
};
/// A boolean: 0 or 1. (The C++ type may hold nothing else, and bytes come from outside.)
struct Boolean {
  uint8_t byte;
};

#define LUTRA_TENSOR_TYPES(TYPE)         \
  TYPE(float32, float, "float32", false) \
  TYPE(int8, int8_t, "int8", true)       \
  TYPE(uint8, uint8_t, "uint8", false)   \
  TYPE(float16, Half, "float16", false)  \
  TYPE(int16, int16_t, "int16", false)   \
  TYPE(int32, int32_t, "int32", false)   \
  TYPE(int64, int64_t, "int64", false)   \
  TYPE(bool_, Boolean, "bool", false)

#define LUTRA_COUNT(member, storage, name, quantized) +1
static_assert(LUTRA_TENSOR_TYPES(LUTRA_COUNT) == static_cast<int>(schema::TensorType::MAX) + 1,
              "a type of model.fbs is not in this list");
#undef LUTRA_COUNT

/// Calls visit with a value of the type's storage, and returns what it returns. The type is one of
/// the list's, as in a validated file.
template <typename Visit>
constexpr auto VisitType(schema::TensorType type, const Visit& visit) {
  switch (type) {
#define LUTRA_VISIT(member, storage, name, quantized) \
  case schema::TensorType::member:                    \
    return visit(storage{});
    LUTRA_TENSOR_TYPES(LUTRA_VISIT)
#undef LUTRA_VISIT
  }
  __builtin_unreachable();
}

constexpr size_t ElementBytes(schema::TensorType type) {
  return VisitType(type, [](auto element) { return sizeof(element); });
}

/// "float32"; "unknown" for a number that is none.
constexpr const char* TypeName(schema::TensorType type) {
  switch (type) {
#define LUTRA_NAME(member, storage, name, quantized) \
  case schema::TensorType::member:                   \
    return name;
    LUTRA_TENSOR_TYPES(LUTRA_NAME)
#undef LUTRA_NAME
  }
  return "unknown";
}

/// real = scale * (q - zero_point), by the tensor's own two.
constexpr bool IsQuantized(schema::TensorType type) {
  switch (type) {
#define LUTRA_QUANTIZED(member, storage, name, quantized) \
  case schema::TensorType::member:                        \
    return quantized;
    LUTRA_TENSOR_TYPES(LUTRA_QUANTIZED)
#undef LUTRA_QUANTIZED
  }
  return false;
}

/// Whether the elements are real numbers, which may cross the API as float32.
constexpr bool HoldsReals(schema::TensorType type) {
  return type == schema::TensorType::float32 || type == schema::TensorType::float16 ||
         IsQuantized(type);
}

}  // namespace lutra
