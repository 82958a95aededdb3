// `--max-size` and `--max-drop`, and the `--metric` that they may be measured by.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "converter/budget/budget.h"

namespace lutra::converter::cli {

class BudgetFlags {
 public:
  void AddTo(CLI::App& command);
  /// None where neither is given. `command` has a flag --weights. Throws CLI::Error, and Error for
  /// a metric that is none.
  std::optional<budget::Limits> Limits() const;

 private:
  const CLI::App* command_ = nullptr;
  uint64_t max_size_ = 0;
  double max_drop_ = 0;
  std::string metric_;
};

}  // namespace lutra::converter::cli
