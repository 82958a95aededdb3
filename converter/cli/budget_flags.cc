#include "converter/cli/budget_flags.h"

namespace lutra::converter::cli {

void BudgetFlags::AddTo(CLI::App& command) {
  command_ = &command;
  CLI::Option* const size =
      command
          .add_option("--max-size", max_size_,
                      "bits of every layer so that the whole file has at most so many bytes (KB is "
                      "1000, KiB 1024)")
          ->transform(CLI::AsSizeValue(true))
          ->type_name("BYTES");
  command
      .add_option("--max-drop", max_drop_,
                  "bits of every layer so that the file is small and loses at most so many points "
                  "of accuracy")
      ->check(CLI::Range(0.0, 100.0))
      ->type_name("POINTS")
      ->excludes(size);
}

std::optional<budget::Limits> BudgetFlags::Limits() const {
  const bool size = command_->count("--max-size") > 0, drop = command_->count("--max-drop") > 0;
  if (!size && !drop) return std::nullopt;
  budget::Limits limits;
  if (size) limits.max_size = max_size_;
  if (drop) limits.max_drop = max_drop_;
  limits.weights_given = command_->count("--weights") > 0;
  return limits;
}

}  // namespace lutra::converter::cli
