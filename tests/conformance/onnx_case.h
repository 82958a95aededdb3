// One case of the ONNX backend test suite: a folder with model.onnx and test_data_set_*/input_*.pb
// and output_*.pb. It passes, fails, or is skipped because something in it is not supported.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lutra::converter {

struct CaseResult {
  enum class Verdict { passed, failed, skipped };
  Verdict verdict = Verdict::passed;
  std::string reason;                  ///< of failing or being skipped
  std::vector<std::string> operators;  ///< of the model's nodes
};

CaseResult RunCase(const std::filesystem::path& folder);

}  // namespace lutra::converter
