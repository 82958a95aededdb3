// What `lutra train` and `lutra tune` share: how to train, and how it is shown while it goes on.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "converter/cli/common.h"
#include "converter/cli/interrupt.h"
#include "converter/train/trainer.h"

namespace lutra::converter::cli {

/// Samples on which the model file is compared with the trained network, layer by layer.
constexpr size_t kCompared = 500;

class TrainFlags {
 public:
  /// `settings`: the command's own defaults.
  explicit TrainFlags(const train::TrainSettings& settings) : settings_(settings) {}
  void AddTo(CLI::App& command);
  /// Throws CLI::ValidationError for a word that is none.
  train::TrainSettings Settings() const;
  /// Before any work: the checkpoint is a file of the command like its other outputs.
  void Writes(Outputs& outputs, const std::string& suffix = "") const;
  /// Once the outputs have their names: the checkpoint of a run that is complete is of no use.
  void RemoveCheckpoint(const std::string& suffix = "") const;
  const std::string& checkpoint() const { return settings_.checkpoint; }
  size_t threads() const { return threads_; }
  uint64_t seed() const { return settings_.batches.seed; }

 private:
  train::TrainSettings settings_;
  std::string optimizer_, schedule_, augment_ = "none";
  double target_ = 0, time_limit_ = 0;  // percent, minutes; 0: none
  size_t threads_ = 0;
};

/// On a terminal a line per epoch and a progress line with the remaining time; otherwise, and with
/// `json`, one JSON object per epoch on stdout.
class TrainingLog {
 public:
  explicit TrainingLog(bool json);
  /// `lutra COMMAND: FILE: goes on after step ...` on stderr.
  void Resume(const char* command, const std::string& checkpoint, size_t step, size_t steps);
  void Stage(const std::string& name);
  /// Accuracies before tuning, fractions; NaN: not measured.
  void Start(double fp32, double converted);
  void Step(size_t step, size_t steps);
  /// False: the user has had enough; the best weights so far count.
  bool Epoch(const train::EpochReport& report);
  /// Ctrl-C was pressed.
  bool stopped() const;

 private:
  bool json_;
  Interrupt interrupt_;
  Progress progress_;
};

}  // namespace lutra::converter::cli
