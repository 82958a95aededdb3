#include "converter/cli/train_flags.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "converter/error.h"
#include "converter/report/report.h"
#include "converter/train/checkpoint.h"

namespace lutra::converter::cli {
namespace {

template <typename Parse>
auto Parsed(const char* flag, const Parse& parse) {
  try {
    return parse();
  } catch (const Error& error) {
    throw CLI::ValidationError(flag, error.what());
  }
}

std::string Minutes(double seconds) {
  const auto whole = static_cast<long>(std::lround(seconds));
  char text[32];
  std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
  return text;
}

/// A squared error has no accuracy beside it, and any unit.
std::string LossText(double loss, double accuracy) {
  char text[64];
  if (std::isnan(accuracy)) {
    std::snprintf(text, sizeof text, "%.5g", loss);
  } else {
    std::snprintf(text, sizeof text, "%.4f  %.2f %%", loss, 100 * accuracy);
  }
  return text;
}

}  // namespace

void TrainFlags::AddTo(CLI::App& command) {
  optimizer_ = NameOf(settings_.optimizer.method);
  schedule_ = NameOf(settings_.schedule.shape);
  const auto number = [&](const char* flag, auto& value, const char* description, double lowest,
                          double highest) {
    command.add_option(flag, value, description)
        ->check(CLI::Range(lowest, highest))
        ->type_name("N")
        ->capture_default_str();
  };
  number("--epochs", settings_.epochs, "times through the data", 1, 1e6);
  number("--batch", settings_.batches.size, "samples of a minibatch; 0: as fits the data", 0,
         65536);
  command.add_option("--optimizer", optimizer_, "sgd (momentum, Nesterov), adam or adamw")
      ->type_name("NAME")
      ->capture_default_str();
  number("--rate", settings_.schedule.rate, "the highest learning rate; 0: as fits", 0, 1e3);
  command.add_option("--schedule", schedule_, "of the rate: constant, steps, cosine or one-cycle")
      ->type_name("NAME")
      ->capture_default_str();
  number("--warm-up", settings_.schedule.warm_up, "steps in which the rate grows from 0", 0, 1e9);
  number("--momentum", settings_.optimizer.momentum, "of sgd", 0, 1);
  number("--weight-decay", settings_.optimizer.weight_decay,
         "of weights, not of biases and normalizations", 0, 1);
  number("--smoothing", settings_.smoothing, "of labels", 0, 0.99);
  number("--clip", settings_.largest_norm, "largest norm of all gradients; 0: any", 0, 1e9);
  number("--average", settings_.average, "decay of the weights' moving average; 0: none", 0,
         0.999999);
  command
      .add_option("--augment", augment_,
                  "flip,crop:4,shift:2,jitter:0.2,noise:0.01,cutout:8,mixup:0.2, or some of them")
      ->type_name("LIST")
      ->capture_default_str();
  number("--validation", settings_.validation,
         "samples set apart to choose the best epoch on: a share, or from 1 on a number", 0, 1e9);
  number("--target", target_, "accuracy on them in percent, at which training ends; 0: none", 0,
         100);
  number("--time-limit", time_limit_,
         "minutes after which the best weights so far are kept; 0: none", 0, 1e6);
  command
      .add_option("--checkpoint", settings_.checkpoint,
                  "keeps all that a run needs to go on, and goes on where this file is")
      ->type_name("FILE")
      ->check(FileName());
  number("--checkpoint-seconds", settings_.checkpoint_seconds,
         "how often it is written, besides after every epoch", 0, 1e9);
  command.add_option("--seed", settings_.batches.seed, "of everything random")
      ->type_name("N")
      ->capture_default_str();
  number("--threads", threads_, "0: as many as there are processors; changes no result", 0, 1024);
}

train::TrainSettings TrainFlags::Settings() const {
  train::TrainSettings settings = settings_;
  settings.optimizer.method = Parsed("--optimizer", [&] { return train::ParseMethod(optimizer_); });
  settings.schedule.shape = Parsed("--schedule", [&] { return train::ParseShape(schedule_); });
  settings.batches.augmentation =
      Parsed("--augment", [&] { return train::ParseAugmentation(augment_); });
  if (target_ > 0) settings.target = target_ / 100;
  if (time_limit_ > 0) settings.time_limit = 60 * time_limit_;
  return settings;
}

void TrainFlags::Writes(Outputs& outputs, const std::string& suffix) const {
  if (!settings_.checkpoint.empty()) outputs.Writes("--checkpoint", settings_.checkpoint + suffix);
}

void TrainFlags::RemoveCheckpoint(const std::string& suffix) const {
  if (!settings_.checkpoint.empty()) train::RemoveCheckpoint(settings_.checkpoint + suffix);
}

TrainingLog::TrainingLog(bool json) : json_(json || isatty(STDOUT_FILENO) == 0) {}

void TrainingLog::Resume(const char* command, const std::string& checkpoint, size_t step,
                         size_t steps) {
  std::fprintf(stderr, "lutra %s: %s: goes on after step %zu of %zu\n", command,
               Printable(checkpoint).c_str(), step, steps);
}

void TrainingLog::Stage(const std::string& name) {
  progress_.Clear();
  if (json_) {
    PrintJson({{"stage", name}});
  } else {
    PrintText(name + "\n");
  }
  std::fflush(stdout);
}

void TrainingLog::Start(double fp32, double converted) {
  if (json_) {
    PrintJson({{"validation_fp32", report::NumberOrNull(fp32)},
               {"validation_converted", report::NumberOrNull(converted)}});
  } else if (!std::isnan(fp32)) {
    char text[128];
    std::snprintf(text, sizeof text, "validation: FP32 %.2f %%, converted without tuning %.2f %%\n",
                  100 * fp32, 100 * converted);
    PrintText(text);
  }
  std::fflush(stdout);
}

void TrainingLog::Step(size_t step, size_t steps) { progress_.Show("train", step, steps); }

bool TrainingLog::Epoch(const train::EpochReport& report) {
  progress_.Clear();
  if (json_) {
    PrintJson({{"epoch", report.epoch},
               {"epochs", report.epochs},
               {"loss", report.loss},
               {"accuracy", report::NumberOrNull(report.accuracy)},
               {"validation_loss", report::NumberOrNull(report.validation_loss)},
               {"validation_accuracy", report::NumberOrNull(report.validation_accuracy)},
               {"rate", report.rate},
               {"seconds", report.seconds},
               {"remaining", report.remaining},
               {"best", report.best}});
  } else {
    std::string line =
        "epoch " + std::to_string(report.epoch) + "/" + std::to_string(report.epochs);
    char text[128];
    line += "  loss " + LossText(report.loss, report.accuracy);
    if (!std::isnan(report.validation_loss)) {
      line += "  validation " + LossText(report.validation_loss, report.validation_accuracy) +
              (report.best ? " *" : "  ");
    }
    std::snprintf(text, sizeof text, "  rate %.2g", report.rate);
    line += text;
    PrintText(line + "  " + Minutes(report.seconds) + ", " + Minutes(report.remaining) + " left\n");
  }
  std::fflush(stdout);
  return !stopped();
}

bool TrainingLog::stopped() const { return interrupt_.pressed(); }

}  // namespace lutra::converter::cli
