#include <chrono>
#include <memory>

#include "converter/cli/common.h"
#include "converter/cli/interrupt.h"
#include "converter/cli/model_command.h"

namespace lutra::converter::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct ConvertCommand {
  ModelCommand model{"convert"};
  double time_limit = 0;  // minutes; 0: none
  double min_sqnr = 0;
  CLI::Option* has_min_sqnr = nullptr;

  void Run() {
    model.Run([&](ConvertOptions& options, const data::Dataset* data, Outputs&, Warnings&) {
      if (has_min_sqnr->count() > 0) options.min_sqnr = budget::SqnrGoal{.db = min_sqnr};
      if (!options.budget && !options.min_sqnr) {
        if (time_limit == 0) return data;
        throw CLI::ValidationError("--time-limit", "is for --max-size, --max-drop and --min-sqnr");
      }
      const auto interrupt = std::make_shared<Interrupt>();
      const auto start = Clock::now();
      const auto stop = [this, interrupt, start] {
        const std::chrono::duration<double> passed = Clock::now() - start;
        return interrupt->pressed() || (time_limit > 0 && passed.count() > 60 * time_limit);
      };
      if (options.budget) options.budget->stop = stop;
      if (options.min_sqnr) options.min_sqnr->stop = stop;
      return data;
    });
  }
};

}  // namespace

void AddConvertCommand(CLI::App& app) {
  const auto command = std::make_shared<ConvertCommand>();
  CLI::App* sub = app.add_subcommand("convert", "turn an ONNX network into a .lutra model");
  command->model.AddTo(*sub);
  command->model.AddEffort(*sub);
  command->has_min_sqnr =
      sub->add_option("--min-sqnr", command->min_sqnr,
                      "activations of 16 bits, or float, in as few layers as it takes for the "
                      "outputs to have so much SQNR")
          ->check(CLI::Range(0.0, 200.0))
          ->type_name("DB");
  for (const char* other : {"--max-size", "--max-drop"}) {
    command->has_min_sqnr->excludes(sub->get_option(other));
  }
  sub->add_option("--time-limit", command->time_limit,
                  "minutes after which the best model within the budget so far is written; 0: none")
      ->check(CLI::Range(0.0, 1e6))
      ->type_name("N")
      ->capture_default_str();
  sub->footer(
      "Calibration data is needed for int8 activations; with labels it also gives an accuracy.\n\n"
      "Examples:\n"
      "  lutra convert net.onnx -o net.lutra --data calib.json\n"
      "  lutra convert net.onnx -o net.lutra --format folder --path photos --limit 200 \\\n"
      "      --resize 96,96 --scale 0.00392157 --report net.html\n"
      "  lutra convert net.onnx -o net.lutra --data calib.json --max-size 60KB --codec best\n"
      "  lutra convert mlp.onnx -o mlp.lutra --activations dynamic");
  sub->callback([command] { command->Run(); });
}

}  // namespace lutra::converter::cli
