// JSON that a user, or a stranger, has written: recipes and data descriptions. A file of a few
// kilobytes is usual; one that would take much memory or nests without end is refused, and so is a
// name that stands twice in one object, of which one value would be lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "converter/error.h"

namespace lutra::converter {

constexpr size_t kMostJsonBytes = size_t{1} << 24;
constexpr size_t kMostJsonDepth = 32;

/// Reads the text without building anything of it. (The parser's own callbacks would do, but after
/// each object it walks over all that stand before it in the same list.)
template <typename Json>
class JsonCheck : public nlohmann::json_sax<Json> {
 public:
  using typename nlohmann::json_sax<Json>::number_integer_t;
  using typename nlohmann::json_sax<Json>::number_unsigned_t;
  using typename nlohmann::json_sax<Json>::number_float_t;
  using typename nlohmann::json_sax<Json>::string_t;
  using typename nlohmann::json_sax<Json>::binary_t;

  /// A part is a name, a number, a text, an object or a list.
  explicit JsonCheck(const std::string& source, size_t most_depth = kMostJsonDepth,
                     size_t most_parts = SIZE_MAX)
      : source_(source), most_depth_(most_depth), most_parts_(most_parts) {}

  /// Of the outermost object, in the order of the text.
  const std::vector<std::string>& names() const { return names_; }

  bool null() override { return Count(); }
  bool boolean(bool) override { return Count(); }
  bool number_integer(number_integer_t) override { return Count(); }
  bool number_unsigned(number_unsigned_t) override { return Count(); }
  bool number_float(number_float_t, const string_t&) override { return Count(); }
  bool string(string_t&) override { return Count(); }
  bool binary(binary_t&) override { return Count(); }
  bool start_object(size_t) override { return Enter(); }
  bool end_object() override { return Leave(); }
  bool start_array(size_t) override { return Enter(); }
  bool end_array() override { return Leave(); }
  bool key(string_t& name) override {
    if (keys_.size() == 1) names_.push_back(name);
    if (keys_.back().insert(name).second) return Count();
    throw Error(source_ + ": \"" + name + "\" stands twice in one object; keep one");
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  bool Count() {
    if (++parts_ <= most_parts_) return true;
    throw Error(source_ + ": has more than " + std::to_string(most_parts_) + " parts");
  }
  bool Enter() {
    keys_.emplace_back();
    if (keys_.size() <= most_depth_) return Count();
    throw Error(source_ + ": nests deeper than " + std::to_string(most_depth_) + " levels");
  }
  bool Leave() {
    keys_.pop_back();
    return true;
  }

  const std::string& source_;
  const size_t most_depth_, most_parts_;
  size_t parts_ = 0;
  std::vector<std::set<std::string>> keys_;  // of the objects and lists around
  std::vector<std::string> names_;
};

/// Json is nlohmann::json or ordered_json. Throws Error that begins with `source`.
template <typename Json>
Json ParseJson(std::string_view text, const std::string& source) {
  if (text.size() > kMostJsonBytes) {
    throw Error(source + ": has " + std::to_string(text.size()) + " bytes of JSON, at most " +
                std::to_string(kMostJsonBytes) + " are read");
  }
  try {
    JsonCheck<Json> check(source);
    Json::sax_parse(text, &check);  // a fault of the text is found once more, and told, below
    return Json::parse(text);
  } catch (const typename Json::parse_error& error) {
    throw Error(source + ": is not JSON (byte " + std::to_string(error.byte) + ")");
  } catch (const typename Json::exception&) {
    throw Error(source + ": is not JSON (a number is too large)");
  }
}

}  // namespace lutra::converter
