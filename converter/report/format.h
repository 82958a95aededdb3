// printf into a string, for the lines of text reports.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <string>

namespace lutra::converter::report {

/// At most 1023 bytes.
[[gnu::format(printf, 1, 2)]] inline std::string Format(const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

}  // namespace lutra::converter::report
