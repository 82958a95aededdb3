#include "runtime/api_error.h"

#include "runtime/model.h"

namespace lutra {

static_assert(LUTRA_ERROR_MESSAGE_BYTES == Status::kMessageBytes);
#define LUTRA_SAME(name, api_name, number, text) static_assert(LUTRA_##api_name == (number));
LUTRA_CODES(LUTRA_SAME)
#undef LUTRA_SAME

lutra_status Report(const Status& status, lutra_error* error) {
  const auto code = static_cast<lutra_status>(status.code());
  if (status.ok() || error == nullptr) return code;
  constexpr size_t kMessageAt = offsetof(lutra_error, message);
  if (error->struct_size <= kMessageAt || error->struct_size > kLargestStruct) return code;
  const size_t room = std::min(error->struct_size - kMessageAt, sizeof(error->message));
  error->code = code;
  std::strncpy(error->message, status.message(), room - 1);
  error->message[room - 1] = '\0';
  return code;
}

}  // namespace lutra

extern "C" {

const char* lutra_status_name(lutra_status status) {
  switch (status) {
#define LUTRA_NAME_OF(name, api_name, number, text) \
  case LUTRA_##api_name:                            \
    return text;
    LUTRA_CODES(LUTRA_NAME_OF)
#undef LUTRA_NAME_OF
    default:
      return "unknown";
  }
}

#define LUTRA_TEXT_OF(x) #x
#define LUTRA_TEXT(x) LUTRA_TEXT_OF(x)
const char* lutra_version(void) {
  return LUTRA_TEXT(LUTRA_VERSION_MAJOR) "." LUTRA_TEXT(LUTRA_VERSION_MINOR) "." LUTRA_TEXT(
      LUTRA_VERSION_PATCH);
}

uint32_t lutra_version_number(void) { return LUTRA_VERSION_NUMBER; }

const char* lutra_row_name(size_t index) {
  const lutra::kernels::Row* row = lutra::kernels::RowAt(index);
  return row == nullptr ? nullptr : row->name;
}

int lutra_row_available(const char* name) {
  if (name == nullptr) return 0;
  const lutra::kernels::Row* row = lutra::kernels::FindRow(name);
  return row != nullptr && row->available() ? 1 : 0;
}

}  // extern "C"
