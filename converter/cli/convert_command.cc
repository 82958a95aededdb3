#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>

#include "converter/cli/common.h"
#include "converter/cli/data_flags.h"
#include "converter/cli/own_recipe.h"
#include "converter/convert.h"
#include "converter/error.h"
#include "converter/files.h"
#include "converter/quantize/recipe.h"
#include "converter/report/report.h"

namespace lutra::converter::cli {
namespace {

bool Exists(const std::string& path) {
  std::error_code failure;
  return std::filesystem::exists(path, failure);
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
    Set("--weights", [&] { quantize::SetWeights(options.scheme, weights); });
    Set("--activations", [&] { quantize::SetActivations(options.scheme, activations); });
    Set("--granularity", [&] { quantize::SetGranularity(options.scheme, granularity); });
    Set("--calibrator", [&] { quantize::SetCalibrator(options.scheme, calibrator); });
    Set("--codebook-channels",
        [&] { quantize::SetCodebookChannels(options.scheme, codebook_channels); });
    if (codec == "huffman") options.codec = coding::Codec::huffman;
    if (codec == "best") options.codec = coding::Codec::best;
    if (!recipe.empty()) options.recipe_path = recipe;
    if (!emit_qdq.empty()) options.emit_qdq_path = emit_qdq;
    Outputs outputs;
    NameFiles(outputs);
    const std::unique_ptr<data::Dataset> dataset = data.Open(outputs);
    Warnings warnings;
    const std::string own_recipe = NameOwnRecipe(outputs, warnings);
    ConvertReport report;
    WorkOn(dataset.get(), "convert", [&] { report = Convert(dataset.get(), outputs); });
    report.warnings.Add(warnings);
    if (const std::string advice = report::Advice(report); !advice.empty())
      report.warnings.Add(advice);
    if (!own_recipe.empty()) outputs.Write(own_recipe, MarkRecipe(report.recipe_json));
    if (!html.empty()) {
      outputs.Write(html,
                    report::ConvertHtml(report, options.model_path + " -> " + options.output_path));
    }
    outputs.Commit();
    if (json) {
      PrintJson(report::ConvertJson(report));
    } else {
      PrintText(report::ConvertText(report));
    }
    PrintWarnings("convert", report.warnings);
  }

 private:
  // Nothing that is read may be written over, and nothing written twice.
  void NameFiles(Outputs& outputs) const {
    outputs.Reads("the network", options.model_path);
    if (!recipe.empty()) outputs.Reads("--recipe", recipe);
    outputs.Writes("-o", options.output_path);
    if (!emit_qdq.empty()) outputs.Writes("--emit-qdq", emit_qdq);
    if (!html.empty()) outputs.Writes("--report", html);
    ReadsExternalFiles(outputs, options.model_path, {options.output_path, emit_qdq, html});
  }

  // Where the recipe of this conversion goes, or "" for nowhere: beside a device or a pipe there is
  // no place, a recipe that the user gave stays as it is, and so does whatever a person wrote.
  std::string NameOwnRecipe(Outputs& outputs, Warnings& warnings) const {
    if (Exists(options.output_path) && !std::filesystem::is_regular_file(options.output_path)) {
      return "";
    }
    const std::string path = RecipePath(options.output_path);
    if (!recipe.empty() && tools::IdentityOf(path) == tools::IdentityOf(recipe)) return "";
    if (Exists(path)) {
      const bool ours = std::filesystem::is_regular_file(path) && IsMarkedRecipe(ReadText(path));
      if (!ours) {
        warnings.Add(path + ": was not written by lutra convert, or has been changed since, and " +
                     "stays as it is; give it as --recipe to use it, or move it away to get the " +
                     "recipe of this conversion");
        return "";
      }
    }
    outputs.Writes("the recipe beside -o", path);
    return path;
  }

  // A value that is none is misuse of the command line here, an error of the file in a recipe.
  void Set(const char* flag, const std::function<void()>& setter) {
    try {
      setter();
    } catch (const Error& error) {
      throw CLI::ValidationError(flag, error.what());
    }
  }

  ConvertReport Convert(const data::Dataset* dataset, Outputs& outputs) {
    Progress progress;
    options.progress = [&](const std::string& stage, size_t done, size_t total) {
      progress.Show(stage, done, total);
    };
    return converter::Convert(options, dataset, outputs);
  }
};

}  // namespace

void AddConvertCommand(CLI::App& app) {
  const auto command = std::make_shared<ConvertCommand>();
  ConvertOptions& options = command->options;
  CLI::App* sub = app.add_subcommand("convert", "turn an ONNX network into a .lutra model");
  sub->add_option("MODEL.onnx", options.model_path, "the trained network (opset 7 to 24)")
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
      ->check(CLI::Range(0, 65536))
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
  sub->add_option("--recipe", command->recipe,
                  "schemes per layer, as the MODEL.recipe.json that is written beside the model")
      ->type_name("FILE.json")
      ->check(FileName());
  sub->add_option("--input-type", options.input_type,
                  "what callers will pass: float, int8, or uint8 pixels")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"float", "int8", "uint8"}))
      ->capture_default_str();
  sub->add_flag("--strict", options.strict, "fail when a layer would stay in float");
  sub->add_option("--report", command->html, "write a report with pictures")
      ->type_name("FILE.html")
      ->check(FileName());
  sub->add_option("--emit-qdq", command->emit_qdq, "also write the network as quantized ONNX")
      ->type_name("FILE.onnx")
      ->check(FileName());
  sub->add_flag("--json", command->json, "one JSON object instead of the table");
  command->shapes.AddTo(*sub);
  command->data.AddTo(*sub);
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
