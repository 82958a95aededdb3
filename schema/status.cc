// Formats a Status. See status.h.
#include "schema/status.h"

#include <cstdarg>
#include <cstdio>

namespace lutra {

Status Status::Error(Code code, const char* format, ...) {
  Status status;
  status.code_ = code;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(status.message_, kMessageBytes, format, arguments);
  va_end(arguments);
  return status;
}

}  // namespace lutra
