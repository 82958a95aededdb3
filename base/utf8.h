// Names in files are text for people: one line, well formed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lutra {

/// Bytes of the character at the start of the text: a well-formed UTF-8 sequence (RFC 3629) that is
/// no control character (C0, DEL, C1). 0 if there is none.
inline size_t PrintableLength(std::string_view text) {
  if (text.empty()) return 0;
  const auto* p = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t lead = p[0];
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7F ? 1 : 0;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((p[i] & 0xC0) != 0x80) return 0;
  }
  // C1 control characters, which terminals obey like ESC; overlong forms, surrogates, and what lies
  // past U+10FFFF.
  if ((lead == 0xC2 && p[1] < 0xA0) || (lead == 0xE0 && p[1] < 0xA0) ||
      (lead == 0xED && p[1] > 0x9F) || (lead == 0xF0 && p[1] < 0x90) ||
      (lead == 0xF4 && p[1] > 0x8F)) {
    return 0;
  }
  return length;
}

/// Well-formed UTF-8 without control characters.
inline bool IsPrintableUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = PrintableLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace lutra
