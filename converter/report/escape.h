// Text of a network or a file name within HTML.
#pragma once

#include <string>

#include "runtime/tools/text.h"

namespace lutra::converter::report {

inline std::string Escape(const std::string& text) {
  std::string escaped;
  for (const char c : tools::Printable(text)) {
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

}  // namespace lutra::converter::report
