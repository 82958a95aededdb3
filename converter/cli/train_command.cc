// `lutra train`: an ONNX network, its weights or fresh ones, and labelled data -> the same network
// with trained weights.
#include <filesystem>
#include <memory>
#include <type_traits>
#include <utility>

#include "converter/cli/common.h"
#include "converter/cli/data_flags.h"
#include "converter/cli/train_flags.h"
#include "converter/convert.h"
#include "converter/error.h"
#include "converter/files.h"
#include "converter/import/onnx_file.h"
#include "converter/train/trainable.h"

namespace lutra::converter::cli {
namespace {

train::TrainSettings Defaults() {
  train::TrainSettings settings;
  settings.optimizer.method = train::OptimizerSettings::Method::adamw;
  settings.optimizer.weight_decay = 0.01;
  settings.schedule.shape = train::Schedule::Shape::one_cycle;
  settings.schedule.rate = 0;
  return settings;
}

struct TrainCommand {
  std::string input, output, scores;
  bool fresh = false, json = false;
  DataFlags data;
  ShapeFlags shapes;
  TrainFlags flags{Defaults()};

  void Run() const {
    train::TrainSettings settings = flags.Settings();
    // What trained weights know is lost at the rate at which fresh ones learn.
    if (settings.schedule.rate == 0) settings.schedule.rate = fresh ? 0.003 : 0.0003;
    Outputs outputs;
    outputs.Reads("the network", input);
    outputs.Writes("-o", output);
    flags.Writes(outputs);
    ReadsExternalFiles(outputs, input, {output, settings.checkpoint});
    const std::unique_ptr<data::Dataset> dataset = data.Open(outputs);
    if (!dataset) throw Error("training needs data: give --data, with labels");
    Graph imported = ImportGraph(input, shapes.Import());
    Warnings warnings = dataset->warnings();
    train::Network network = OfInput([&] { return MakeNetwork(std::move(imported)); });
    const auto write = [&](Outputs& to) {
      to.Write(output, OfInput([&] { return WithWeights(network); }));
    };
    // A file that has no place for the weights, or a disk that has none for the file, is found
    // before the work.
    if (Outputs trial;
        !std::filesystem::exists(output) || std::filesystem::is_regular_file(output)) {
      write(trial);
    }
    TrainingLog log(json);
    try {
      Train(*dataset, settings, network, log, warnings);
    } catch (const train::Diverged& diverged) {
      if (diverged.best_epoch() == 0) throw;
      write(outputs);
      outputs.Commit();
      throw Error(std::string(diverged.what()) + "; " + output + " has the weights of epoch " +
                  std::to_string(diverged.best_epoch()) + ", the best before");
    }
    write(outputs);
    outputs.Commit();
    if (!log.stopped()) flags.RemoveCheckpoint();
    PrintWarnings("train", warnings);
  }

 private:
  // What goes wrong with the network is said of its file.
  template <typename Function>
  std::invoke_result_t<Function> OfInput(const Function& function) const {
    try {
      return function();
    } catch (const Error& error) {
      throw Error(input + ": " + error.what());
    }
  }

  train::Network MakeNetwork(Graph imported) const {
    train::Trainable trainable = train::MakeTrainable(std::move(imported));
    if (fresh) {
      train::MakeFresh(trainable.graph, trainable.parameters, flags.seed(), trainable.values);
    }
    return train::MakeNetwork(std::move(trainable), scores);
  }

  void Train(const data::Dataset& dataset, const train::TrainSettings& settings,
             train::Network& network, TrainingLog& log, Warnings& warnings) const {
    train::Workers workers(flags.threads());
    const train::SampleStore store(dataset, network.input_dims, workers);
    train::Trainer trainer(network, store, settings, workers, warnings);
    trainer.OnResume(
        [&](size_t step, size_t steps) { log.Resume("train", settings.checkpoint, step, steps); });
    trainer.AfterStep([&](size_t step, size_t steps) { log.Step(step, steps); });
    trainer.Run([&](const train::EpochReport& report) { return log.Epoch(report); });
  }

  std::string WithWeights(train::Network& network) const {
    importing::OnnxFile file(ReadBytes(input), input);
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
  CLI::App* sub = app.add_subcommand("train", "train an ONNX network on labelled data");
  sub->add_option("MODEL.onnx", command->input, "the network (opset 7 to 24)")->required();
  sub->add_option("-o,--output", command->output, "the trained network to write")
      ->required()
      ->type_name("TRAINED.onnx");
  sub->add_flag("--fresh", command->fresh, "begin with new weights instead of the file's");
  sub->add_flag("--json", command->json, "one JSON object per epoch, also on a terminal");
  sub->add_option("--scores", command->scores, "the output that the labels are of")
      ->type_name("NAME");
  command->flags.AddTo(*sub);
  command->shapes.AddTo(*sub);
  command->data.AddTo(*sub);
  sub->footer(
      "Ctrl-C ends training after the epoch at hand and keeps the best weights so far.\n\n"
      "Examples:\n"
      "  lutra train net.onnx -o trained.onnx --data train.json --epochs 20\n"
      "  lutra train net.onnx -o trained.onnx --fresh --data train.json --augment flip,crop:4");
  sub->callback([command] { command->Run(); });
}

}  // namespace lutra::converter::cli
