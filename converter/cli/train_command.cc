// `lutra train`: an ONNX network, its weights or fresh ones, and labelled data -> the same network
// with trained weights, as ONNX or converted to a model.
#include <filesystem>
#include <memory>
#include <type_traits>
#include <utility>

#include "converter/cli/common.h"
#include "converter/cli/model_command.h"
#include "converter/cli/train_flags.h"
#include "converter/convert.h"
#include "converter/data/spread.h"
#include "converter/error.h"
#include "converter/files.h"
#include "converter/import/onnx_file.h"
#include "converter/load_graph.h"
#include "converter/train/trainable.h"

namespace lutra::converter::cli {
namespace {

train::TrainSettings TrainDefaults() {
  train::TrainSettings settings;
  settings.optimizer.method = train::OptimizerSettings::Method::adamw;
  settings.optimizer.weight_decay = 0.01;
  settings.schedule.shape = train::Schedule::Shape::one_cycle;
  settings.schedule.rate = 0;
  return settings;
}

struct TrainCommand {
  ModelCommand model{"train"};
  std::string scores;
  bool fresh = false;
  TrainFlags flags{TrainDefaults()};
  train::TrainSettings settings;

  void Run() {
    settings = flags.Settings();
    // What trained weights know is lost at the rate at which fresh ones learn.
    if (settings.schedule.rate == 0) settings.schedule.rate = fresh ? 0.003 : 0.0003;
    TrainingLog log(model.json());
    std::string diverged;
    if (std::filesystem::path(model.output()).extension() == ".lutra") {
      diverged = WriteModel(log);
    } else {
      diverged = WriteNetwork(log);
    }
    if (!diverged.empty()) throw Error(diverged);
    if (!log.stopped()) flags.RemoveCheckpoint();
  }

 private:
  // Both return what Train does.
  std::string WriteNetwork(TrainingLog& log) {
    if (const std::string flag = model.GivenForModel(); !flag.empty()) {
      throw CLI::ValidationError(
          flag, "is for a model; name that with -o NAME.lutra (--emit-onnx keeps the network too)");
    }
    Outputs outputs;
    outputs.Reads("the network", model.input());
    outputs.Writes("-o", model.output());
    ReadsExternalFiles(outputs, model.input(), {model.output(), flags.checkpoint()});
    const std::unique_ptr<data::Dataset> dataset = model.data().Open(outputs);
    Warnings warnings;
    if (dataset) warnings.Add(dataset->warnings());
    std::string network;
    std::string diverged = Train(dataset.get(), outputs, model.output(), log, network, warnings);
    outputs.Write(model.output(), network);
    outputs.Commit();
    PrintWarnings("train", warnings);
    return diverged;
  }

  std::string WriteModel(TrainingLog& log) {
    std::string diverged;
    std::unique_ptr<data::Dataset> spread;
    model.Run([&](ConvertOptions& options, const data::Dataset* data, Outputs& outputs,
                  Warnings& warnings) -> const data::Dataset* {
      std::string& network = options.model_bytes.emplace();
      diverged = Train(data, outputs, options.emit_float_path.value_or(""), log, network, warnings);
      // In the form that it was read in, not in that of conversion.
      if (options.emit_float_path) outputs.Write(*options.emit_float_path, network);
      options.emit_float_path.reset();
      spread = std::make_unique<data::Spread>(*data, kCompared);
      return spread.get();
    });
    return diverged;
  }

  // The trained network as an ONNX file, which will be `onnx_path` if that is not "". Returns ""
  // or, when training ended in numbers that are none, what to say of it once the best weights
  // before are written.
  std::string Train(const data::Dataset* dataset, Outputs& outputs, const std::string& onnx_path,
                    TrainingLog& log, std::string& trained, Warnings& warnings) {
    if (dataset == nullptr) throw Error("training needs data: give --data, with labels");
    if (dataset->has_targets()) settings.goal = train::Goal::targets;
    flags.Writes(outputs);
    importing::ImportOptions import = model.Import();
    import.own_constants = true;
    Graph imported = ImportGraph(model.input(), std::move(import));
    train::Network network = OfInput([&] { return MakeNetwork(std::move(imported), *dataset); });
    // A file that has no place for the weights is found before the work, and so is a disk that has
    // none for the file.
    {
      const std::string text = OfInput([&] { return WithWeights(network); });
      Outputs trial;
      if (!onnx_path.empty() && IsFileOrNew(onnx_path)) trial.Write(onnx_path, text);
    }
    std::string diverged;
    try {
      Train(*dataset, network, log, warnings);
    } catch (const train::Diverged& failure) {
      if (failure.best_epoch() == 0) throw;
      diverged = std::string(failure.what()) + "; " + model.output() +
                 " has the weights of epoch " + std::to_string(failure.best_epoch()) +
                 ", the best before";
    }
    trained = OfInput([&] { return WithWeights(network); });
    return diverged;
  }

  static bool IsFileOrNew(const std::string& path) {
    return !std::filesystem::exists(path) || std::filesystem::is_regular_file(path);
  }

  // What goes wrong with the network is said of its file.
  template <typename Function>
  std::invoke_result_t<Function> OfInput(const Function& function) const {
    try {
      return function();
    } catch (const Error& error) {
      throw Error(model.input() + ": " + error.what());
    }
  }

  train::Network MakeNetwork(Graph imported, const data::Dataset& dataset) const {
    train::Trainable trainable = train::MakeTrainable(std::move(imported));
    if (fresh) {
      train::MakeFresh(trainable.graph, trainable.parameters, flags.seed(), trainable.values);
    }
    if (settings.goal != train::Goal::targets) {
      return train::MakeNetwork(std::move(trainable), scores);
    }
    return train::MakeNetworkOf(std::move(trainable), scores, dataset.Get(0).target.dims());
  }

  void Train(const data::Dataset& dataset, train::Network& network, TrainingLog& log,
             Warnings& warnings) const {
    train::Workers workers(flags.threads());
    const train::SampleStore store(dataset, network.input_dims, workers);
    train::Trainer trainer(network, store, settings, workers, warnings);
    trainer.OnResume(
        [&](size_t step, size_t steps) { log.Resume("train", settings.checkpoint, step, steps); });
    trainer.AfterStep([&](size_t step, size_t steps) { log.Step(step, steps); });
    trainer.Run([&](const train::EpochReport& report) { return log.Epoch(report); });
  }

  std::string WithWeights(train::Network& network) const {
    importing::OnnxFile file(ReadBytes(model.input()), model.input(), true);
    for (const auto& [name, value] : network.Shared()) {
      const onnx::TensorProto* proto = file.Constant(name);
      if (proto == nullptr) {
        throw Error("parameter '" + name + "' is no constant of the file's main graph, so its " +
                    "trained values have no place in it");
      }
      file.Replace(name, value);
    }
    return file.Serialize();
  }
};

}  // namespace

void AddTrainCommand(CLI::App& app) {
  const auto command = std::make_shared<TrainCommand>();
  CLI::App* sub =
      app.add_subcommand("train", "train an ONNX network on labelled data, or against targets");
  command->model.AddTo(*sub);
  sub->get_option("--output")
      ->description("the trained network to write, or with .lutra the model made of it")
      ->type_name("TRAINED.onnx|MODEL.lutra");
  command->model.AddEffort(*sub);
  command->model.AddEmitOnnx(*sub);
  sub->add_flag("--fresh", command->fresh, "begin with new weights instead of the file's");
  sub->add_option("--scores", command->scores, "the output that the labels or targets are of")
      ->type_name("NAME");
  command->flags.AddTo(*sub);
  sub->footer(
      "Ctrl-C ends training after the epoch at hand and keeps the best weights so far.\n\n"
      "Examples:\n"
      "  lutra train net.onnx -o trained.onnx --data train.json --epochs 20\n"
      "  lutra train net.onnx -o trained.onnx --fresh --data train.json --augment flip,crop:4\n"
      "  lutra train net.onnx -o net.lutra --weights codebook6 --data train.json");
  sub->callback([command] { command->Run(); });
}

}  // namespace lutra::converter::cli
