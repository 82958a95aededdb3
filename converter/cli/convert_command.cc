#include <memory>

#include "converter/cli/common.h"
#include "converter/cli/model_command.h"

namespace lutra::converter::cli {

void AddConvertCommand(CLI::App& app) {
  const auto command = std::make_shared<ModelCommand>("convert");
  CLI::App* sub = app.add_subcommand("convert", "turn an ONNX network into a .lutra model");
  command->AddTo(*sub);
  sub->footer(
      "Calibration data is needed for int8 activations; with labels it also gives an accuracy.\n\n"
      "Examples:\n"
      "  lutra convert net.onnx -o net.lutra --data calib.json\n"
      "  lutra convert net.onnx -o net.lutra --format folder --path photos --limit 200 \\\n"
      "      --resize 96,96 --scale 0.00392157 --report net.html\n"
      "  lutra convert mlp.onnx -o mlp.lutra --activations dynamic");
  sub->callback([command] { command->Run(); });
}

}  // namespace lutra::converter::cli
