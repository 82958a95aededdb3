// What the commands that turn an ONNX network into a .lutra file share: the flags of the model, its
// files, the report at the end.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "converter/cli/budget_flags.h"
#include "converter/cli/common.h"
#include "converter/cli/data_flags.h"
#include "converter/convert.h"

namespace lutra::converter::cli {

class ModelCommand {
 public:
  /// `name`: of the command, for warnings.
  explicit ModelCommand(const char* name) : name_(name) {}

  void AddTo(CLI::App& command);
  /// `--effort`, of commands that convert trained weights as they are.
  void AddEffort(CLI::App& command);
  /// `--emit-onnx`, of commands that change the network's weights.
  void AddEmitOnnx(CLI::App& command);

  /// Converts and writes. `prepare` sees the options, the data, if any, and the files of the
  /// command before conversion, and gives the data to calibrate and compare on. What it warns of is
  /// said with the rest.
  using Prepare = std::function<const data::Dataset*(
      ConvertOptions& options, const data::Dataset* data, Outputs& outputs, Warnings& warnings)>;
  void Run(const Prepare& prepare = {});

  const std::string& input() const { return options_.model_path; }
  const std::string& output() const { return options_.output_path; }
  const DataFlags& data() const { return data_; }
  importing::ImportOptions Import() const { return shapes_.Import(); }
  /// The first option given that says something of the model alone, or "".
  std::string GivenForModel() const;
  bool json() const { return json_; }
  void ShowProgress(const std::string& stage, size_t done, size_t total) {
    progress_->Show(stage, done, total);
  }
  /// What is printed next begins on a line of its own.
  void EndProgress() { progress_->Clear(); }

 private:
  void AddModelFlags(CLI::App& command);
  void ReadFlags();
  void Set(const char* flag, const std::function<void()>& setter);
  void NameFiles(Outputs& outputs) const;
  std::string NameOwnRecipe(Outputs& outputs, Warnings& warnings) const;

  const char* name_;
  ConvertOptions options_;
  std::string weights_ = "int8", activations_ = "int8", granularity_ = "channel";
  std::string calibrator_ = "auto", codec_ = "none", effort_ = "normal", recipe_, emit_qdq_,
              emit_onnx_, html_;
  std::vector<std::string> states_;
  uint64_t codebook_channels_ = 0;
  bool json_ = false;
  std::vector<const CLI::Option*> model_flags_;
  BudgetFlags budget_;
  DataFlags data_;
  ShapeFlags shapes_;
  std::unique_ptr<Progress> progress_;
};

}  // namespace lutra::converter::cli
