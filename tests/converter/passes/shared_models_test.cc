// Import and all passes on the real networks of ../shared, when they lie beside the checkout: the
// optimized graph computes what the imported one does, and what is left of Transposes.
#include <doctest/doctest.h>

#include <filesystem>

#include "converter/executor/float_executor.h"
#include "converter/import/onnx_import.h"
#include "converter/passes/graph_builder.h"
#include "converter/passes/passes.h"
#include "support/skip.h"

namespace lutra::converter::passes {
namespace {

namespace fs = std::filesystem;

const fs::path kModels = fs::path(LUTRA_SOURCE_DIR) / "../shared/models";

std::vector<fs::path> Models(const char* kind) {
  std::vector<fs::path> models;
  if (!fs::is_directory(kModels / kind)) {
    ::lutra::test::Skip("there is no " + (kModels / kind).string());
    return models;
  }
  for (const auto& entry : fs::directory_iterator(kModels / kind)) {
    if (entry.path().extension() == ".onnx") models.push_back(entry.path());
  }
  return models;
}

std::string Histogram(const Graph& graph) {
  std::map<std::string, size_t> counts;
  for (const Node& node : graph.nodes) ++counts[node.op];
  std::string text;
  for (const auto& [op, count] : counts) text += " " + op + ":" + std::to_string(count);
  return text;
}

Graph Optimized(const fs::path& path) {
  importing::ImportOptions options;
  options.why_unsupported = executor::WhyUnsupported;
  const Graph imported = importing::ImportOnnx(path.string(), options);
  Graph optimized = imported;
  OptimizeGraph(optimized);
  MESSAGE(path.filename().string() << ":" << Histogram(optimized));
  // Networks stored in float16 are rounded at each step before the passes, and not after.
  const bool half = path.string().find("fp16") != std::string::npos;
  CHECK(LargestDifference(imported, optimized) < (half ? 0.05 : 1e-4));
  return optimized;
}

}  // namespace

TEST_CASE("no Transpose is left but at the inputs and outputs") {
  for (const char* kind : {"classifiers", "detectors"}) {
    for (const fs::path& path : Models(kind)) {
      CAPTURE(path.string());
      const Graph graph = Optimized(path);
      for (const Node& node : graph.nodes) {
        if (node.op != "Transpose") continue;
        CHECK((node.inputs[0] == graph.inputs[0] || graph.IsOutput(node.outputs[0])));
      }
    }
  }
}

}  // namespace lutra::converter::passes
