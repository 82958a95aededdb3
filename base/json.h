// Writes JSON text: enough for the tools' --json, without exceptions and without a library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lutra {

/// Values are appended in order; the caller opens and closes. Inside an object every value follows
/// its Key. NaN and infinities become null, as JSON has no word for them; what no terminal should
/// get (base/utf8.h) is escaped, and bytes that are no UTF-8 become U+FFFD.
class JsonWriter {
 public:
  JsonWriter& Open(char bracket);  ///< '{' or '['
  JsonWriter& Close();
  JsonWriter& Key(std::string_view key);
  JsonWriter& Text(std::string_view value);
  JsonWriter& Number(double value);
  JsonWriter& Integer(int64_t value);
  JsonWriter& Boolean(bool value);

  const std::string& text() const { return text_; }

 private:
  void Separate();
  void Quote(std::string_view value);

  std::string text_;
  std::string closers_;
  bool first_ = true;
  bool after_key_ = false;
};

}  // namespace lutra
