// The types of the C API and those of tensors are the same numbers.
#pragma once

#include "lutra/lutra.h"
#include "schema/tensor_type.h"

namespace lutra {

#define LUTRA_SAME(type, member) \
  static_assert((type) == static_cast<lutra_type>(schema::TensorType::member))
LUTRA_SAME(LUTRA_FLOAT32, float32);
LUTRA_SAME(LUTRA_INT8, int8);
LUTRA_SAME(LUTRA_UINT8, uint8);
LUTRA_SAME(LUTRA_FLOAT16, float16);
LUTRA_SAME(LUTRA_INT16, int16);
LUTRA_SAME(LUTRA_INT32, int32);
LUTRA_SAME(LUTRA_INT64, int64);
LUTRA_SAME(LUTRA_BOOL, bool_);
#undef LUTRA_SAME

constexpr lutra_type ToApiType(schema::TensorType type) { return static_cast<lutra_type>(type); }

/// The number may be a caller's: TypeName knows what to call those that are none.
constexpr schema::TensorType ToTensorType(lutra_type type) {
  constexpr lutra_type kMax = static_cast<lutra_type>(schema::TensorType::MAX);
  return type < 0 || type > kMax ? static_cast<schema::TensorType>(kMax + 1)
                                 : static_cast<schema::TensorType>(type);
}

}  // namespace lutra
