// The node, simple, pytorch-operator and pytorch-converted sets of ONNX's backend tests: every case
// whose operators and types are supported must pass. The rest are listed by reason.
#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <set>

#include "conformance/onnx_case.h"
#include "support/skip.h"

namespace lutra::converter {
namespace {

namespace fs = std::filesystem;

/// Fewer passing cases mean that support was lost.
constexpr int kLeastPassing = 840;

constexpr const char* kQuantized[] = {"QuantizeLinear",       "DequantizeLinear", "QLinearConv",
                                      "QLinearMatMul",        "ConvInteger",      "MatMulInteger",
                                      "DynamicQuantizeLinear"};

/// Cases whose expected values ONNX's reference got otherwise than the operator's own text, PyTorch
/// and ONNX Runtime, where the networks come from and what they are compared with.
const std::map<std::string, const char*> kOtherwise = {
    // The reference divides by the length before it is rounded down, those by the one after.
    {"test_resize_downsample_scales_cubic_align_corners", "done as PyTorch does"},
    {"test_resize_downsample_scales_linear_align_corners", "done as PyTorch does"},
    // It counts what lies beyond the padding too, where the last window passes its end.
    {"test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
     "done as PyTorch does"},
    // It lets int8 results wrap: 20 for -236.
    {"test_qlinearmatmul_2D_int8_float16", "saturates, as the operator's text says"},
    {"test_qlinearmatmul_2D_int8_float32", "saturates, as the operator's text says"},
    {"test_qlinearmatmul_3D_int8_float16", "saturates, as the operator's text says"},
    {"test_qlinearmatmul_3D_int8_float32", "saturates, as the operator's text says"},
};

fs::path DataFolder() {
  const char* given = std::getenv("LUTRA_ONNX_TESTDATA");
  return given != nullptr ? given : "/usr/share/libonnx-testdata/data";
}

TEST_CASE("ONNX backend test suite") {
  const fs::path data = DataFolder();
  if (!fs::is_directory(data / "node")) {
    return ::lutra::test::Skip("no ONNX test data in " + data.string() +
                               ": install libonnx-testdata or set LUTRA_ONNX_TESTDATA");
  }
  int passed = 0, failed = 0, skipped = 0;
  std::map<std::string, int> reasons;
  std::set<std::string> passing_operators;
  for (const char* set : {"node", "simple", "pytorch-operator", "pytorch-converted"}) {
    std::set<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(data / set)) folders.insert(entry.path());
    int passed_here = 0, skipped_here = 0;
    for (const fs::path& folder : folders) {
      CaseResult result = RunCase(folder);
      const std::string name = folder.filename().string();
      if (const auto otherwise = kOtherwise.find(name); otherwise != kOtherwise.end()) {
        CAPTURE(name);
        REQUIRE(result.verdict == CaseResult::Verdict::failed);
        result = {CaseResult::Verdict::skipped, otherwise->second, {}};
      }
      switch (result.verdict) {
        case CaseResult::Verdict::passed:
          ++passed_here;
          passing_operators.insert(result.operators.begin(), result.operators.end());
          break;
        case CaseResult::Verdict::skipped:
          ++skipped_here;
          ++reasons[result.reason];
          break;
        case CaseResult::Verdict::failed:
          ++failed;
          FAIL_CHECK(name << ": " << result.reason);
          break;
      }
    }
    std::cout << set << ": " << passed_here << " passed, " << skipped_here << " skipped of "
              << folders.size() << "\n";
    passed += passed_here;
    skipped += skipped_here;
  }
  std::cout << "all: " << passed << " passed, " << failed << " failed, " << skipped
            << " skipped:\n";
  for (const auto& [reason, count] : reasons) std::cout << "  " << count << "  " << reason << "\n";
  CHECK(passed >= kLeastPassing);
  for (const char* op : kQuantized) {
    CAPTURE(op);
    CHECK(passing_operators.contains(op));
  }
}

}  // namespace
}  // namespace lutra::converter
