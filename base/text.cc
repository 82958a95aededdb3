#include "base/text.h"

#include "base/utf8.h"

namespace lutra {
namespace {

// Other characters than printable ones become what `otherwise` makes of them.
template <typename Otherwise>
std::string Replace(std::string_view text, const Otherwise& otherwise) {
  std::string printable;
  printable.reserve(text.size());
  while (!text.empty()) {
    const size_t length = PrintableLength(text);
    if (length == 0) {
      printable += otherwise(text[0]);
    } else {
      printable += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return printable;
}

bool InsideCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string Printable(std::string_view text) {
  return Replace(text, [](char) { return '?'; });
}

std::string Message(std::string_view text) {
  const auto clean = [](std::string_view part) {
    return Replace(part, [](char c) { return c == '\n' || c == '\r' || c == '\t' ? ' ' : '?'; });
  };
  if (text.size() <= kMostMessageBytes) return clean(text);
  size_t head = kMostMessageBytes * 2 / 3, tail = text.size() - kMostMessageBytes / 3;
  while (head > 0 && InsideCharacter(text[head])) --head;
  while (tail < text.size() && InsideCharacter(text[tail])) ++tail;
  return clean(text.substr(0, head)) + " [... " + std::to_string(tail - head) +
         " bytes left out ...] " + clean(text.substr(tail));
}

std::string Lines(std::string_view text) {
  return Replace(text, [](char c) { return c == '\n' || c == '\t' ? c : '?'; });
}

}  // namespace lutra
