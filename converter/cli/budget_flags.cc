#include "converter/cli/budget_flags.h"

#include "converter/cli/data_flags.h"

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
                  "of accuracy; with --metric cosine hundredths, mse percent, a program its unit")
      ->check(CLI::Range(0.0, 1e9))
      ->type_name("POINTS")
      ->excludes(size);
  AddMetricFlag(command, metric_);
}

std::optional<budget::Limits> BudgetFlags::Limits() const {
  const bool size = command_->count("--max-size") > 0, drop = command_->count("--max-drop") > 0;
  if (!size && !drop) {
    if (metric_.empty()) return std::nullopt;
    throw CLI::ValidationError("--metric",
                               "is what a budget is judged by: give --max-size or --max-drop too");
  }
  budget::Limits limits;
  if (!metric_.empty()) limits.metric.emplace(metric_);
  if (drop && !limits.metric && max_drop_ > 100) {
    throw CLI::ValidationError("--max-drop", "points of accuracy are at most 100");
  }
  if (size) limits.max_size = max_size_;
  if (drop) limits.max_drop = max_drop_;
  limits.weights_given = command_->count("--weights") > 0;
  return limits;
}

}  // namespace lutra::converter::cli
