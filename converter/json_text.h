// JSON that a user, or a stranger, has written: recipes and data descriptions. A file of a few
// kilobytes is usual; one that would take much memory or nests without end is refused.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "converter/error.h"

namespace lutra::converter {

constexpr size_t kMostJsonBytes = size_t{1} << 24;
constexpr int kMostJsonDepth = 32;

/// Json is nlohmann::json or ordered_json. Throws Error that begins with `source`.
template <typename Json>
Json ParseJson(std::string_view text, const std::string& source) {
  if (text.size() > kMostJsonBytes) {
    throw Error(source + ": has " + std::to_string(text.size()) + " bytes of JSON, at most " +
                std::to_string(kMostJsonBytes) + " are read");
  }
  const auto bounded = [&](int depth, typename Json::parse_event_t, Json&) {
    if (depth <= kMostJsonDepth) return true;
    throw Error(source + ": nests deeper than " + std::to_string(kMostJsonDepth) + " levels");
  };
  try {
    return Json::parse(text, bounded);
  } catch (const typename Json::parse_error& error) {
    throw Error(source + ": is not JSON (byte " + std::to_string(error.byte) + ")");
  } catch (const typename Json::exception&) {
    throw Error(source + ": is not JSON (a number is too large)");
  }
}

}  // namespace lutra::converter
