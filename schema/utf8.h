// Names in files are text for people: one line, well formed.
#pragma once

#include <string_view>

namespace lutra {

/// Well-formed UTF-8 (RFC 3629) without control characters.
bool IsPrintableUtf8(std::string_view text);

}  // namespace lutra
