#include "converter/cli/model_command.h"

#include <algorithm>
#include <filesystem>

#include "converter/cli/own_recipe.h"
#include "converter/error.h"
#include "converter/files.h"
#include "converter/quantize/recipe.h"
#include "converter/report/report.h"
#include "converter/states.h"

namespace lutra::converter::cli {
namespace {

bool Exists(const std::string& path) {
  std::error_code failure;
  return std::filesystem::exists(path, failure);
}

}  // namespace

void ModelCommand::Run(const Prepare& prepare) {
  ReadFlags();
  Outputs outputs;
  NameFiles(outputs);
  const std::unique_ptr<data::Dataset> dataset = data_.Open(outputs);
  Warnings warnings;
  const std::string own_recipe = NameOwnRecipe(outputs, warnings);
  outputs.TryWriting();
  progress_ = std::make_unique<Progress>();
  options_.progress = [this](const std::string& stage, size_t done, size_t total) {
    ShowProgress(stage, done, total);
  };
  const data::Dataset* const data =
      prepare ? prepare(options_, dataset.get(), outputs, warnings) : dataset.get();
  ConvertReport report;
  WorkOn(dataset.get(), name_, [&] { report = converter::Convert(options_, data, outputs); });
  progress_.reset();
  report.warnings.Add(warnings);
  if (const std::string advice = report::Advice(report); !advice.empty()) {
    report.warnings.Add(advice);
  }
  if (!own_recipe.empty()) outputs.Write(own_recipe, MarkRecipe(report.recipe_json));
  if (!html_.empty()) {
    outputs.Write(html_,
                  report::ConvertHtml(report, options_.model_path + " -> " + options_.output_path));
  }
  outputs.Commit();
  if (json_) {
    PrintJson(report::ConvertJson(report));
  } else {
    PrintText(report::ConvertText(report));
  }
  PrintWarnings(name_, report.warnings);
}

void ModelCommand::ReadFlags() {
  options_.import = shapes_.Import();
  Set("--weights", [&] { SetWeights(options_.scheme, weights_); });
  Set("--activations", [&] { quantize::SetActivations(options_.scheme, activations_); });
  Set("--granularity", [&] { SetGranularity(options_.scheme, granularity_); });
  Set("--calibrator", [&] { quantize::SetCalibrator(options_.scheme, calibrator_); });
  Set("--codebook-channels",
      [&] { quantize::SetCodebookChannels(options_.scheme, codebook_channels_); });
  for (const std::string& text : states_) options_.states.push_back(ParseState(text));
  if (effort_ == "high") options_.effort = Effort::high;
  if (codec_ == "huffman") options_.codec = coding::Codec::huffman;
  if (codec_ == "best") options_.codec = coding::Codec::best;
  if (!recipe_.empty()) options_.recipe_path = recipe_;
  options_.weight_histograms = !html_.empty();
  if (!emit_qdq_.empty()) options_.emit_qdq_path = emit_qdq_;
  if (!emit_onnx_.empty()) options_.emit_float_path = emit_onnx_;
  options_.budget = budget_.Limits();
  if (options_.budget && options_.effort == Effort::high) {
    throw CLI::ValidationError("--effort",
                               "high is not for a budget; convert once more, with the recipe that "
                               "the budget's conversion writes, for it");
  }
}

// Nothing that is read may be written over, and nothing written twice.
void ModelCommand::NameFiles(Outputs& outputs) const {
  outputs.Reads("the network", options_.model_path);
  if (!recipe_.empty()) outputs.Reads("--recipe", recipe_);
  outputs.Writes("-o", options_.output_path);
  if (!emit_qdq_.empty()) outputs.Writes("--emit-qdq", emit_qdq_);
  if (!emit_onnx_.empty()) outputs.Writes("--emit-onnx", emit_onnx_);
  if (!html_.empty()) outputs.Writes("--report", html_);
  ReadsExternalFiles(outputs, options_.model_path,
                     {options_.output_path, emit_qdq_, emit_onnx_, html_});
}

// Where the recipe of this conversion goes, or "" for nowhere: beside a device or a pipe there is
// no place, a recipe that the user gave stays as it is, and so does whatever a person wrote.
std::string ModelCommand::NameOwnRecipe(Outputs& outputs, Warnings& warnings) const {
  if (Exists(options_.output_path) && !std::filesystem::is_regular_file(options_.output_path)) {
    return "";
  }
  const std::string path = RecipePath(options_.output_path);
  if (!recipe_.empty() && IdentityOf(path) == IdentityOf(recipe_)) return "";
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
void ModelCommand::Set(const char* flag, const std::function<void()>& setter) {
  try {
    setter();
  } catch (const Error& error) {
    throw CLI::ValidationError(flag, error.what());
  }
}

void ModelCommand::AddTo(CLI::App& command) {
  command.add_option("MODEL.onnx", options_.model_path, "the trained network (opset 7 to 24)")
      ->required();
  command.add_option("-o,--output", options_.output_path, "the model to write")
      ->required()
      ->type_name("MODEL.lutra");
  const size_t before = command.get_options().size();
  AddModelFlags(command);
  const std::vector<CLI::Option*> options = command.get_options();
  model_flags_.assign(options.begin() + static_cast<std::ptrdiff_t>(before), options.end());
  command.add_flag("--json", json_, "one JSON object instead of the table");
  shapes_.AddTo(command);
  data_.AddTo(command);
}

void ModelCommand::AddEffort(CLI::App& command) {
  model_flags_.push_back(
      command
          .add_option("--effort", effort_,
                      "normal, or high: rounding is learned from the data, which takes minutes")
          ->type_name("NAME")
          ->check(CLI::IsMember({"normal", "high"}))
          ->capture_default_str());
}

void ModelCommand::AddEmitOnnx(CLI::App& command) {
  command
      .add_option("--emit-onnx", emit_onnx_, "also write the float network with the new weights")
      ->type_name("FILE.onnx")
      ->check(FileName());
}

std::string ModelCommand::GivenForModel() const {
  const auto given =
      std::ranges::find_if(model_flags_, [](const CLI::Option* flag) { return flag->count() > 0; });
  return given == model_flags_.end() ? "" : (*given)->get_name();
}

void ModelCommand::AddModelFlags(CLI::App& command) {
  command
      .add_option("--weights", weights_,
                  "int8, linear2 to linear8, codebook1 to codebook8, fp16 or fp32")
      ->type_name("TYPE")
      ->capture_default_str();
  budget_.AddTo(command);
  command
      .add_option("--activations", activations_,
                  "int8 or int16 (calibrated), dynamic (linear layers, at run time) or float")
      ->type_name("TYPE")
      ->capture_default_str();
  command
      .add_option(
          "--granularity", granularity_,
          "of weight scales: channel, tensor, or of linear4 group:32, group:64 or group:128")
      ->type_name("WHICH")
      ->capture_default_str();
  command
      .add_option("--codebook-channels", codebook_channels_,
                  "output channels that share a codebook, a multiple of 16; 0: the whole layer")
      ->check(CLI::Range(0, 65536))
      ->type_name("N")
      ->capture_default_str();
  command.add_flag("--asymmetric", options_.scheme.asymmetric,
                   "weights with a zero point per channel");
  command.add_option("--calibrator", calibrator_, "auto, minmax, percentile, mse or entropy")
      ->type_name("NAME")
      ->capture_default_str();
  command
      .add_option("--codec", codec_,
                  "of integer weights in the file: none, huffman (smaller), best (smallest; opens "
                  "at some 10 million weights per second)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"none", "huffman", "best"}))
      ->capture_default_str();
  command
      .add_option("--recipe", recipe_,
                  "schemes per layer, as the MODEL.recipe.json that is written beside the model")
      ->type_name("FILE.json")
      ->check(FileName());
  command
      .add_option("--input-type", options_.input_type,
                  "what callers will pass: float, int8, or uint8 pixels")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"float", "int8", "uint8"}))
      ->capture_default_str();
  command
      .add_option(
          "--state", states_,
          "an input that holds in each run what an output had in the one before; neither is "
          "a port of the model; repeatable")
      ->type_name("IN=OUT")
      ->allow_extra_args(false);
  command.add_flag("--strict", options_.strict, "fail when a layer would stay in float");
  command
      .add_option("--fail-below", options_.fail_below,
                  "an error, and no file, where the output's SQNR is below this")
      ->type_name("DB");
  command.add_option("--report", html_, "write a report with pictures")
      ->type_name("FILE.html")
      ->check(FileName());
  command.add_option("--emit-qdq", emit_qdq_, "also write the network as quantized ONNX")
      ->type_name("FILE.onnx")
      ->check(FileName());
}

}  // namespace lutra::converter::cli
