#include "base/json.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/utf8.h"

namespace lutra {

void JsonWriter::Separate() {
  if (!after_key_ && !first_) text_ += ", ";
  first_ = false;
  after_key_ = false;
}

void JsonWriter::Quote(std::string_view value) {
  text_ += '"';
  while (!value.empty()) {
    const size_t length = PrintableLength(value);
    const char c = value[0];
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (length != 0) {
      text_ += value.substr(0, length);
    } else if (static_cast<unsigned char>(c) < 0x80) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      text_ += escaped;
    } else {
      text_ += "\\ufffd";
    }
    value.remove_prefix(length == 0 ? 1 : length);
  }
  text_ += '"';
}

JsonWriter& JsonWriter::Open(char bracket) {
  Separate();
  text_ += bracket;
  closers_ += bracket == '{' ? '}' : ']';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::Close() {
  text_ += closers_.back();
  closers_.pop_back();
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view key) {
  Separate();
  Quote(key);
  text_ += ": ";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::Text(std::string_view value) {
  Separate();
  Quote(value);
  return *this;
}

JsonWriter& JsonWriter::Number(double value) {
  Separate();
  if (!std::isfinite(value)) {
    text_ += "null";
    return *this;
  }
  char digits[40];
  const auto [end, failure] = std::to_chars(digits, digits + sizeof digits, value);
  (void)failure;  // 40 characters hold every double
  text_.append(digits, end);
  return *this;
}

JsonWriter& JsonWriter::Integer(int64_t value) {
  Separate();
  text_ += std::to_string(value);
  return *this;
}

JsonWriter& JsonWriter::Boolean(bool value) {
  Separate();
  text_ += value ? "true" : "false";
  return *this;
}

}  // namespace lutra
