#include "converter/cli/common.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "converter/import/external_files.h"

namespace lutra::converter::cli {

CLI::Validator FileName() {
  return CLI::Validator(
      [](const std::string& text) {
        return text.empty() ? std::string("an empty name is no file; name one") : std::string();
      },
      "");
}

void ShapeFlags::AddTo(CLI::App& command) {
  command
      .add_option("--input-shape", shapes_,
                  "shape of an ONNX input with dynamic sizes, batch included; repeatable")
      ->type_name("NAME=1,3,224,224")
      ->allow_extra_args(false);
}

importing::ImportOptions ShapeFlags::Import() const {
  importing::ImportOptions import;
  for (const std::string& text : shapes_) {
    const auto fail = [&] {
      throw CLI::ValidationError("--input-shape", "'" + text + "' is not NAME=1,3,224,224");
    };
    const size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0) fail();
    std::vector<int64_t>& dims = import.input_shapes[text.substr(0, equals)];
    const char* at = text.data() + equals + 1;
    const char* const end = text.data() + text.size();
    while (true) {
      int64_t dim = 0;
      const auto [next, failure] = std::from_chars(at, end, dim);
      if (failure != std::errc() || dim < 1) fail();
      dims.push_back(dim);
      if (next == end) break;
      if (*next != ',') fail();
      at = next + 1;
    }
  }
  return import;
}

void ReadsExternalFiles(Outputs& outputs, const std::string& onnx_path,
                        const std::vector<std::string>& written) {
  std::error_code failure;
  const auto exists = [&](const std::string& path) {
    return std::filesystem::is_regular_file(path, failure);
  };
  if (std::none_of(written.begin(), written.end(), exists)) return;
  for (const std::string& path : importing::ExternalFiles(onnx_path)) {
    outputs.Reads("the network's data", path);
  }
}

void PrintText(const std::string& text) { std::fputs(Lines(text).c_str(), stdout); }

void PrintJson(const nlohmann::json& json) {
  const std::string text = json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  std::printf("%s\n", text.c_str());
}

void PrintWarnings(const char* command, const Warnings& warnings) {
  for (const std::string& line : warnings.lines()) {
    std::fprintf(stderr, "lutra %s: warning: %s\n", command, Message(line).c_str());
  }
}

void WorkOn(const data::Dataset* dataset, const char* command, const std::function<void()>& work) {
  try {
    work();
  } catch (...) {
    if (dataset != nullptr) PrintWarnings(command, dataset->warnings());
    throw;
  }
}

Progress::~Progress() { Clear(); }

void Progress::Clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
  percent_ = -1;
}

void Progress::Show(const std::string& stage, size_t done, size_t total) {
  static const bool terminal = isatty(STDERR_FILENO) != 0;
  if (!terminal || total == 0) return;
  const int percent = static_cast<int>(100 * done / total);
  if (stage == stage_ && percent == percent_) return;
  stage_ = stage;
  percent_ = percent;
  shown_ = true;
  std::fprintf(stderr, "\r\x1b[K%s %zu/%zu", Printable(stage).c_str(), done, total);
  std::fflush(stderr);
}

}  // namespace lutra::converter::cli
