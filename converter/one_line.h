// Messages are one line of bounded length, whatever a file puts into its names, and however many of
// its nodes have the same fault.
#pragma once

#include <cstddef>
#include <string>

namespace lutra::converter {

/// Control characters become '?'; what is longer than a screen loses its middle.
inline std::string OneLine(std::string text) {
  constexpr size_t kMost = 4000;
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) c = '?';
  }
  if (text.size() > kMost) text.replace(kMost / 2, text.size() - kMost, " ... ");
  return text;
}

/// Faults of one kind, joined to one line that shows the first ten of them.
class FaultList {
 public:
  void Add(const std::string& fault) {
    constexpr size_t kShown = 10;
    if (++count_ <= kShown) text_ += (count_ == 1 ? "" : "; ") + fault;
    hidden_ = count_ > kShown ? count_ - kShown : 0;
  }
  size_t count() const { return count_; }
  std::string text() const {
    return hidden_ == 0 ? text_ : text_ + "; and " + std::to_string(hidden_) + " more";
  }

 private:
  std::string text_;
  size_t count_ = 0, hidden_ = 0;
};

}  // namespace lutra::converter
