#include "runtime/api_error.h"

#include "runtime/model.h"

namespace lutra {

static_assert(LUTRA_ERROR_MESSAGE_BYTES == Status::kMessageBytes);
static_assert(LUTRA_OUT_OF_MEMORY == static_cast<int>(Code::out_of_memory) &&
              LUTRA_LIMIT == static_cast<int>(Code::limit) &&
              LUTRA_ROW_UNAVAILABLE == static_cast<int>(Code::row_unavailable) &&
              LUTRA_INPUT_NOT_SET == static_cast<int>(Code::input_not_set) &&
              LUTRA_NO_GOLDEN_CHECK == static_cast<int>(Code::no_golden_check));

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
    case LUTRA_OK:
      return "ok";
    case LUTRA_INVALID_ARGUMENT:
      return "invalid argument";
    case LUTRA_OUT_OF_MEMORY:
      return "out of memory";
    case LUTRA_IO:
      return "input/output";
    case LUTRA_NOT_A_MODEL:
      return "not a model";
    case LUTRA_TRUNCATED:
      return "truncated";
    case LUTRA_CHECKSUM:
      return "checksum";
    case LUTRA_VERSION_TOO_NEW:
      return "version too new";
    case LUTRA_MALFORMED:
      return "malformed";
    case LUTRA_LIMIT:
      return "limit";
    case LUTRA_ROW_UNKNOWN:
      return "row unknown";
    case LUTRA_ROW_UNAVAILABLE:
      return "row unavailable";
    case LUTRA_WRONG_TYPE:
      return "wrong type";
    case LUTRA_WRONG_SIZE:
      return "wrong size";
    case LUTRA_NOT_FINITE:
      return "not finite";
    case LUTRA_INPUT_NOT_SET:
      return "input not set";
    case LUTRA_VERIFY_FAILED:
      return "verify failed";
    case LUTRA_NO_GOLDEN_CHECK:
      return "no golden check";
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
