// Choices and the words that users know them by, in one table for both directions.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "converter/error.h"

namespace lutra::converter::train {

template <typename Choice>
struct Named {
  Choice choice;
  std::string_view name;
};

/// Throws Error that lists the names; `what`: what is chosen.
template <typename Choice, size_t count>
Choice ByName(const std::array<Named<Choice>, count>& table, const char* what,
              std::string_view name) {
  std::string known;
  for (const Named<Choice>& row : table) {
    if (row.name == name) return row.choice;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw Error(std::string(what) + " '" + std::string(name) + "' is not known; known are " + known);
}

/// The table has every choice.
template <typename Choice, size_t count>
std::string NameIn(const std::array<Named<Choice>, count>& table, Choice choice) {
  for (const Named<Choice>& row : table) {
    if (row.choice == choice) return std::string(row.name);
  }
  return "";
}

}  // namespace lutra::converter::train
