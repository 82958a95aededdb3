#include "converter/cli/common.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>

namespace lutra::converter {

void ShapeFlags::AddTo(CLI::App& command) {
  command
      .add_option("--input-shape", shapes_,
                  "shape of an ONNX input with dynamic sizes, batch included; repeatable")
      ->type_name("NAME=1,3,224,224")
      ->allow_extra_args(false);
}

ImportOptions ShapeFlags::Import() const {
  ImportOptions import;
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

void PrintWarnings(const char* command, const Warnings& warnings) {
  for (const std::string& line : warnings.lines()) {
    std::fprintf(stderr, "lutra %s: warning: %s\n", command, line.c_str());
  }
}

Progress::~Progress() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

void Progress::Show(const std::string& stage, size_t done, size_t total) {
  static const bool terminal = isatty(STDERR_FILENO) != 0;
  if (!terminal || total == 0) return;
  const int percent = static_cast<int>(100 * done / total);
  if (stage == stage_ && percent == percent_) return;
  stage_ = stage;
  percent_ = percent;
  shown_ = true;
  std::fprintf(stderr, "\r\x1b[K%s %zu/%zu", stage.c_str(), done, total);
  std::fflush(stderr);
}

}  // namespace lutra::converter
