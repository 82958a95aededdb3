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

/// More than any struct of any version: a larger struct_size was never set.
constexpr size_t kLargestStruct = 4096;

/// A caller's struct over the defaults in *out, which stay where an older program's struct ends.
/// `least`: the size that the first version had; `name` is for errors.
template <typename T>
Status ReadSized(const T& in, size_t least, const char* name, T* out) {
  const size_t bytes = in.struct_size;
  if (bytes < least || bytes > kLargestStruct) {
    return Status::Error(Code::invalid_argument, "%s.struct_size is %zu: call lutra_%s_init first",
                         name, bytes, name);
  }
  const auto* first = reinterpret_cast<const uint8_t*>(&in);
  if (bytes > sizeof(T) &&
      std::any_of(first + sizeof(T), first + bytes, [](uint8_t byte) { return byte != 0; })) {
    return Status::Error(Code::invalid_argument,
                         "%s: a field is set that this library (%s) does not know", name,
                         lutra_version());
  }
  std::memcpy(out, &in, std::min(bytes, sizeof(T)));
  out->struct_size = sizeof(T);
  return Status();
}

/// Makes a caller's result struct all zero behind its struct_size, which is checked: what it holds
/// after a failure.
template <typename T>
Status ClearSized(T* out) {
  if (out == nullptr) return Status::Error(Code::invalid_argument, "the result pointer is NULL");
  const size_t bytes = out->struct_size;
  if (bytes < sizeof(size_t) * 2 || bytes > kLargestStruct) {
    return Status::Error(Code::invalid_argument, "struct_size of the result struct is not set");
  }
  std::memset(reinterpret_cast<uint8_t*>(out) + sizeof(size_t), 0, bytes - sizeof(size_t));
  return Status();
}

/// Copies a result into a cleared struct, as much as fits.
template <typename T>
void WriteSized(T value, T* out) {
  value.struct_size = out->struct_size;
  std::memcpy(out, &value, std::min(out->struct_size, sizeof(T)));
}

}  // namespace lutra
