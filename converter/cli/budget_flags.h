// `--max-size` and `--max-drop`.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>

#include "converter/budget/budget.h"

namespace lutra::converter::cli {

class BudgetFlags {
 public:
  void AddTo(CLI::App& command);
  /// None where neither is given. `command` has a flag --weights.
  std::optional<budget::Limits> Limits() const;

 private:
  const CLI::App* command_ = nullptr;
  uint64_t max_size_ = 0;
  double max_drop_ = 0;
};

}  // namespace lutra::converter::cli
