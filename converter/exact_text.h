// Numbers as the shortest text that reads back as the very same number.
#pragma once

#include <array>
#include <charconv>
#include <string>

namespace lutra::converter {

template <typename T>
std::string ExactText(T number) {
  std::array<char, 64> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return {text.data(), end};
}

}  // namespace lutra::converter
