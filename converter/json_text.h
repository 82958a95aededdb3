// JSON that a user, or a stranger, has written: recipes and data descriptions. A file of a few
// kilobytes is usual; one that would take much memory or nests without end is refused, and so is a
// name that stands twice in one object, of which one value would be lost.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

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
  using Event = typename Json::parse_event_t;
  std::vector<std::set<std::string>> keys;  // of the objects around
  const auto checked = [&](int depth, Event event, Json& value) {
    if (depth > kMostJsonDepth) {
      throw Error(source + ": nests deeper than " + std::to_string(kMostJsonDepth) + " levels");
    }
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(value.template get<std::string>()).second) {
      throw Error(source + ": \"" + value.template get<std::string>() +
                  "\" stands twice in one object; keep one");
    }
    return true;
  };
  try {
    return Json::parse(text, checked);
  } catch (const typename Json::parse_error& error) {
    throw Error(source + ": is not JSON (byte " + std::to_string(error.byte) + ")");
  } catch (const typename Json::exception&) {
    throw Error(source + ": is not JSON (a number is too large)");
  }
}

}  // namespace lutra::converter
