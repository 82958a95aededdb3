// From Status to what the C API's callers see, and the rules of its sized structs.
#pragma once

#include <algorithm>
#include <cstring>

#include "lutra/lutra.h"
#include "schema/status.h"

namespace lutra {

/// The status's number; on failure fills *error (which may be NULL).
lutra_status Report(const Status& status, lutra_error* error);

/// Report of an Error made in place.
inline lutra_status Fail(lutra_error* error, Code code, const char* message) {
  return Report(Status::Error(code, "%s", message), error);
}

/// Copies a result into a caller's struct, which may be an older and shorter one.
template <typename T>
Status WriteSized(T value, T* out) {
  if (out == nullptr) return Status::Error(Code::invalid_argument, "the result pointer is NULL");
  const size_t bytes = out->struct_size;
  if (bytes < sizeof(size_t) * 2) {
    return Status::Error(Code::invalid_argument, "struct_size of the result struct is not set");
  }
  value.struct_size = bytes;
  std::memcpy(out, &value, std::min(bytes, sizeof(T)));
  return Status();
}

}  // namespace lutra
