#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>

#include "converter/cli/common.h"
#include "converter/cli/data_flags.h"
#include "converter/convert.h"
#include "converter/error.h"
#include "converter/files.h"
#include "converter/quantize/recipe.h"
#include "converter/report/report.h"

namespace lutra::converter {
namespace {

// net.lutra -> net.recipe.json
std::string RecipePath(const std::string& output) {
  return std::filesystem::path(output).replace_extension(".recipe.json").string();
}

struct ConvertCommand {
  ConvertOptions options;
  std::string weights = "int8", activations = "int8", granularity = "channel";
  std::string calibrator = "minmax", codec = "none", recipe, emit_qdq, html;
  uint64_t codebook_channels = 0;
  bool json = false;
  DataFlags data;
  ShapeFlags shapes;

  void Run() {
    options.import = shapes.Import();
    Set("--weights", [&] { SetWeights(options.scheme, weights); });
    Set("--activations", [&] { SetActivations(options.scheme, activations); });
    Set("--granularity", [&] { SetGranularity(options.scheme, granularity); });
    Set("--calibrator", [&] { SetCalibrator(options.scheme, calibrator); });
    Set("--codebook-channels", [&] { SetCodebookChannels(options.scheme, codebook_channels); });
    if (codec == "huffman") options.codec = coding::Codec::huffman;
    if (codec == "best") options.codec = coding::Codec::best;
    if (!recipe.empty()) options.recipe_path = recipe;
    if (!emit_qdq.empty()) options.emit_qdq_path = emit_qdq;
    const std::unique_ptr<Dataset> dataset = data.Open();
    ConvertReport report = Convert(dataset.get());
    if (const std::string advice = Advice(report); !advice.empty()) report.warnings.Add(advice);
    // A device or a pipe has no neighbour to put the recipe into.
    if (std::filesystem::is_regular_file(options.output_path)) {
      WriteText(RecipePath(options.output_path), report.recipe_json + "\n");
    }
    if (!html.empty()) {
      WriteText(html, ConvertHtml(report, options.model_path + " -> " + options.output_path));
    }
    if (json) {
      std::printf("%s\n", ConvertJson(report).dump().c_str());
    } else {
      std::fputs(ConvertText(report).c_str(), stdout);
    }
    PrintWarnings("convert", report.warnings);
  }

 private:
  // A value that is none is misuse of the command line here, an error of the file in a recipe.
  void Set(const char* flag, const std::function<void()>& setter) {
    try {
      setter();
    } catch (const Error& error) {
      throw CLI::ValidationError(flag, error.what());
    }
  }

  ConvertReport Convert(const Dataset* dataset) {
    Progress progress;
    options.progress = [&](const std::string& stage, size_t done, size_t total) {
      progress.Show(stage, done, total);
    };
    return converter::Convert(options, dataset);
  }
};

}  // namespace

void AddConvertCommand(CLI::App& app) {
  const auto command = std::make_shared<ConvertCommand>();
  ConvertOptions& options = command->options;
  CLI::App* sub = app.add_subcommand("convert", "turn an ONNX network into a .lutra model");
  sub->add_option("MODEL.onnx", options.model_path, "the trained network (opset 7 to 21)")
      ->required();
  sub->add_option("-o,--output", options.output_path, "the model to write")
      ->required()
      ->type_name("MODEL.lutra");
  sub->add_option("--weights", command->weights,
                  "int8, linear2 to linear8, codebook1 to codebook8, fp16 or fp32")
      ->type_name("TYPE")
      ->capture_default_str();
  sub->add_option("--activations", command->activations,
                  "int8 (calibrated), dynamic (linear layers, at run time) or float")
      ->type_name("TYPE")
      ->capture_default_str();
  sub->add_option("--granularity", command->granularity, "of weight scales: channel or tensor")
      ->type_name("WHICH")
      ->capture_default_str();
  sub->add_option("--codebook-channels", command->codebook_channels,
                  "output channels that share a codebook, a multiple of 16; 0: the whole layer")
      ->type_name("N")
      ->capture_default_str();
  sub->add_flag("--asymmetric", options.scheme.asymmetric, "weights with a zero point per channel");
  sub->add_option("--calibrator", command->calibrator, "minmax, percentile, mse or entropy")
      ->type_name("NAME")
      ->capture_default_str();
  sub->add_option("--codec", command->codec,
                  "of integer weights in the file: none, huffman (smaller), best (smallest; opens "
                  "at some 10 million weights per second)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"none", "huffman", "best"}))
      ->capture_default_str();
  sub->add_option("--recipe", command->recipe, "schemes per layer; MODEL.recipe.json is written")
      ->type_name("FILE.json");
  sub->add_option("--input-type", options.input_type,
                  "what callers will pass: float, int8, or uint8 pixels")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"float", "int8", "uint8"}))
      ->capture_default_str();
  sub->add_flag("--strict", options.strict, "fail when a layer would stay in float");
  sub->add_option("--report", command->html, "write a report with pictures")
      ->type_name("FILE.html");
  sub->add_option("--emit-qdq", command->emit_qdq, "also write the network as quantized ONNX")
      ->type_name("FILE.onnx");
  sub->add_flag("--json", command->json, "one JSON object instead of the table");
  command->shapes.AddTo(*sub);
  command->data.AddTo(*sub);
  sub->footer(
      "Calibration data is needed for int8 activations; labels are not.\n\n"
      "Examples:\n"
      "  lutra convert net.onnx -o net.lutra --data calib.json\n"
      "  lutra convert net.onnx -o net.lutra --format folder --path photos --limit 200 \\\n"
      "      --resize 96,96 --scale 0.00392157 --report net.html\n"
      "  lutra convert mlp.onnx -o mlp.lutra --activations dynamic");
  sub->callback([command] { command->Run(); });
}

}  // namespace lutra::converter
