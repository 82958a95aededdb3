// What the converter's commands share: how they are registered, flags of ONNX models, progress.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/files.h"
#include "converter/import/onnx_import.h"
#include "converter/warnings.h"

namespace lutra::converter::cli {

/// Each adds its subcommand, whose callback does the work and throws Error.
void AddConvertCommand(CLI::App& app);
void AddEvalCommand(CLI::App& app);
void AddCompareCommand(CLI::App& app);
void AddPruneCommand(CLI::App& app);
void AddClusterCommand(CLI::App& app);
void AddCompressCommand(CLI::App& app);
void AddDecompressCommand(CLI::App& app);
void AddTrainCommand(CLI::App& app);
void AddTuneCommand(CLI::App& app);

/// Refuses an empty text for a file: a script's unset variable must not mean "none".
CLI::Validator FileName();

/// `--input-shape [NAME=]1,3,224,224`.
class ShapeFlags {
 public:
  void AddTo(CLI::App& command);
  /// Throws CLI::ValidationError for a text that is no shape.
  importing::ImportOptions Import() const;

 private:
  std::vector<std::string> shapes_;
};

/// The file beside an ONNX file that holds some of its tensors is an input like the file itself.
/// Asked only where a file would be replaced.
void ReadsExternalFiles(Outputs& outputs, const std::string& onnx_path,
                        const std::vector<std::string>& written);

/// To stdout, fit for a terminal whatever names hold; JSON on a line of its own, in ASCII.
void PrintText(const std::string& text);
void PrintJson(const nlohmann::json& json);

/// `lutra COMMAND: warning: TEXT` on stderr, a line for each; every command ends with it, with JSON
/// as well.
void PrintWarnings(const char* command, const Warnings& warnings);

/// Does the work of a command. Where it fails, what is known of the data is said before the error:
/// an empty class folder that shifts the labels, say, may be its cause.
void WorkOn(const data::Dataset* dataset, const char* command, const std::function<void()>& work);

/// One line on the terminal that is written over and over; nothing when stderr is no terminal.
class Progress {
 public:
  ~Progress();
  void Show(const std::string& stage, size_t done, size_t total);
  /// Makes room for a line of its own; the next Show writes again.
  void Clear();

 private:
  bool shown_ = false;
  int percent_ = -1;
  std::string stage_;
};

}  // namespace lutra::converter::cli
