// `--data FILE.json`, and the same fields as flags; flags override the file.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "converter/data/dataset.h"
#include "converter/files.h"

namespace lutra::converter::cli {

class DataFlags {
 public:
  void AddTo(CLI::App& command);
  /// Null when neither --data nor any of the other flags was given. Throws Error.
  std::unique_ptr<data::Dataset> Open() const;

  /// The same, for commands that write: the description and every file that it leads to are inputs.
  std::unique_ptr<data::Dataset> Open(Outputs& outputs) const;

 private:
  std::string file_;
  nlohmann::json fields_ = nlohmann::json::object();
};

/// `--metric`, for commands that compare outputs with targets.
CLI::Option* AddMetricFlag(CLI::App& command, std::string& metric);

}  // namespace lutra::converter::cli
