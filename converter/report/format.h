// printf into a string, for the lines of text reports.
#pragma once

#include <cmath>
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

/// Names of layers in tables are not wider.
inline constexpr size_t kWidestName = 44;

/// Long names keep their end, which tells layers apart.
inline std::string ShortName(const std::string& name, size_t width = kWidestName) {
  return name.size() <= width ? name : "..." + name.substr(name.size() - (width - 3));
}

inline std::string Percent(double fraction) {
  return std::isnan(fraction) ? "-" : Format("%.2f %%", 100 * fraction);
}

}  // namespace lutra::converter::report
