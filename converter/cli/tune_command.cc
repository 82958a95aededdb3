// `lutra tune`: from a trained ONNX network to a model of few bits and few weights that kept its
// accuracy, by training against what the runtime will execute.
#include <cmath>
#include <cstdio>
#include <memory>

#include "converter/cli/common.h"
#include "converter/cli/model_command.h"
#include "converter/cli/train_flags.h"
#include "converter/data/spread.h"
#include "converter/error.h"
#include "converter/exact_text.h"
#include "converter/train/tune.h"

namespace lutra::converter::cli {
namespace {

train::TrainSettings TuneDefaults() {
  train::TrainSettings settings;
  settings.epochs = 10;
  settings.optimizer.method = train::OptimizerSettings::Method::adam;
  settings.schedule.shape = train::Schedule::Shape::cosine;
  settings.schedule.rate = 0;
  return settings;
}

struct TuneCommand {
  ModelCommand model{"tune"};
  TrainFlags flags{TuneDefaults()};
  train::TuneSettings settings;
  double sparsity = 0;  // percent
  bool unlabelled = false;
  std::unique_ptr<data::Dataset> spread;
  CLI::App* app = nullptr;

  /// Whether the flags say which weights become 0; else a budget may.
  bool PruningIsGiven() const {
    return app->count("--sparsity") + app->count("--global") + app->count("--blocks") > 0;
  }

  void Run() {
    settings.train = flags.Settings();
    settings.threads = flags.threads();
    settings.prune.sparsity = sparsity / 100;
    settings.train.fingerprint["--sparsity"] = PruningIsGiven() ? ExactText(sparsity) : "not given";
    settings.train.fingerprint["--keep-activations"] = settings.learn_steps ? "not given" : "given";
    settings.train.fingerprint["--global"] = settings.prune.global ? "given" : "not given";
    settings.train.fingerprint["--blocks"] = settings.prune.blocks ? "given" : "not given";
    TrainingLog shown(model.json());
    model.Run([&](ConvertOptions& options, const data::Dataset* data, Outputs& outputs,
                  Warnings&) -> const data::Dataset* {
      if (data == nullptr) throw Error("tuning needs data: give --data");
      options.import.own_constants = true;
      settings.train.goal = unlabelled            ? train::Goal::teacher
                            : data->has_targets() ? train::Goal::targets
                                                  : train::Goal::labels;
      flags.Writes(outputs);
      if (sparsity > 0 || (options.budget && !PruningIsGiven())) {
        flags.Writes(outputs, train::kPruningSuffix);
      }
      settings.train.fingerprint["the budget"] =
          options.budget ? options.budget->Text() : "not given";
      if (options.budget) options.budget->stop = [&shown] { return shown.stopped(); };
      spread = std::make_unique<data::Spread>(*data, kCompared);
      options.quantize = [this, data, &shown](Graph& fused,
                                              std::map<std::string, quantize::LayerScheme> schemes,
                                              const BudgetChoices& choices, Warnings& warnings) {
        settings.choose = choices.schemes;
        settings.excess = choices.excess;
        settings.tighter = choices.tighter;
        if (!PruningIsGiven()) settings.choose_sparsities = choices.sparsities;
        return Tune(fused, std::move(schemes), *data, shown, warnings);
      };
      return spread.get();
    });
    if (!shown.stopped()) {
      flags.RemoveCheckpoint();
      flags.RemoveCheckpoint(train::kPruningSuffix);
    }
  }

 private:
  quantize::Quantization Tune(Graph& fused, std::map<std::string, quantize::LayerScheme> schemes,
                              const data::Dataset& data, TrainingLog& shown, Warnings& warnings) {
    train::TuneLog log;
    log.progress = [&](const std::string& stage, size_t done, size_t total) {
      model.ShowProgress(stage, done, total);
    };
    log.stage = [&](const std::string& name) {
      model.EndProgress();
      shown.Stage(name);
    };
    log.start = [&](double fp32, double converted) {
      model.EndProgress();
      shown.Start(fp32, converted);
    };
    log.resume = [&](size_t step, size_t steps) {
      shown.Resume("tune", settings.train.checkpoint, step, steps);
    };
    log.step = [&](size_t step, size_t steps) { shown.Step(step, steps); };
    log.epoch = [&](const train::EpochReport& report) { return shown.Epoch(report); };
    return train::Tune(fused, std::move(schemes), data, settings, log, warnings);
  }
};

}  // namespace

void AddTuneCommand(CLI::App& app) {
  const auto command = std::make_shared<TuneCommand>();
  CLI::App* sub = app.add_subcommand(
      "tune", "convert an ONNX network, training it against the model's integers");
  command->app = sub;
  command->model.AddTo(*sub);
  command->model.AddEmitOnnx(*sub);
  sub->add_option("--sparsity", command->sparsity, "percent of the weights that become 0")
      ->check(CLI::Range(0.0, 99.99))
      ->type_name("PERCENT")
      ->capture_default_str();
  sub->add_flag("--global", command->settings.prune.global,
                "--sparsity of all layers together, not of each");
  sub->add_flag("--blocks", command->settings.prune.blocks,
                "--sparsity in blocks of 16 channels by 4 inputs, which the runtime skips");
  sub->add_flag("--unlabelled", command->unlabelled,
                "follow the float network alone, whatever labels or targets the data has");
  sub->add_option("--scores", command->settings.scores,
                  "the output that the labels or targets are of")
      ->type_name("NAME");
  sub->add_flag("!--keep-activations", command->settings.learn_steps,
                "leave the scales of activations as calibrated");
  command->flags.AddTo(*sub);
  sub->footer(
      "Ctrl-C ends training after the epoch at hand and keeps the best weights so far.\n\n"
      "Examples:\n"
      "  lutra tune net.onnx -o net.lutra --weights codebook4 --codec best --data train.json\n"
      "  lutra tune net.onnx -o net.lutra --weights linear4 --sparsity 80 --data train.json");
  sub->callback([command] { command->Run(); });
}

}  // namespace lutra::converter::cli
