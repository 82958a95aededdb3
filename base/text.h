// Text that comes from files or from the command line, made fit for a terminal: control characters
// would steer it, and bytes that are no UTF-8 would not be shown.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lutra {

/// Every byte that belongs to no printable UTF-8 character (base/utf8.h) becomes '?'.
std::string Printable(std::string_view text);

/// A message: printable, with spaces for line breaks, and of at most kMostMessageBytes and a few.
/// What is cut is the middle, for the name stands at the start and the cure at the end.
constexpr size_t kMostMessageBytes = 2000;
std::string Message(std::string_view text);

/// Lines for stdout, such as a table: printable, but line breaks and tabs stay.
std::string Lines(std::string_view text);

}  // namespace lutra
