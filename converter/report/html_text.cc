#include "converter/report/html_text.h"

#include <cmath>
#include <cstdio>

#include "base/text.h"

namespace lutra::converter::report {

std::string Escape(const std::string& text) {
  std::string escaped;
  for (const char c : Printable(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string Fixed(double value, int digits) {
  if (std::isnan(value)) return "&ndash;";
  char text[40];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

}  // namespace lutra::converter::report
