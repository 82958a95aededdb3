// Names in files are text for people: one line, well formed.
#pragma once

#include <cstddef>
#include <string_view>

namespace lutra {

/// Bytes of the character at the start of the text: a well-formed UTF-8 sequence (RFC 3629) that is
/// no control character (C0, DEL, C1). 0 if there is none.
size_t PrintableLength(std::string_view text);

/// Well-formed UTF-8 without control characters.
bool IsPrintableUtf8(std::string_view text);

}  // namespace lutra
