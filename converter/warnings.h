// What a command did not fail for and its user should know all the same: "it works, but". Whatever
// finds something says it here, and the command tells it once: on stderr (cli/common.h), as
// "warnings" in JSON, and at the top of the HTML report.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace lutra::converter {

/// Lines in the user's terms, in the order in which they were found. Each names the thing (file,
/// layer, sample), says what is wrong with it and how to mend it, without a prefix or a final dot.
class Warnings {
 public:
  /// Text that is there already is not said twice. Control characters become spaces, so that a
  /// name from a file cannot break the line.
  void Add(std::string text) {
    for (char& c : text) {
      const auto code = static_cast<unsigned char>(c);
      if (code < 0x20 || code == 0x7F) c = ' ';
    }
    if (std::find(lines_.begin(), lines_.end(), text) == lines_.end()) {
      lines_.push_back(std::move(text));
    }
  }
  void Add(const Warnings& others) {
    for (const std::string& line : others.lines_) Add(line);
  }

  const std::vector<std::string>& lines() const { return lines_; }
  bool empty() const { return lines_.empty(); }

 private:
  std::vector<std::string> lines_;
};

}  // namespace lutra::converter
