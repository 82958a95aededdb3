#include "converter/evaluate/compare_files.h"

#include <map>
#include <utility>

#include "converter/evaluate/compare.h"
#include "converter/files.h"
#include "converter/load_graph.h"
#include "converter/quantize/layer_name.h"
#include "converter/runtime_session.h"
#include "runtime/hooks.h"

namespace lutra::converter::evaluate {

CompareReport Compare(const std::string& onnx_path, const std::string& lutra_path,
                      const importing::ImportOptions& import, const data::Dataset& data) {
  const Graph graph = LoadGraph(onnx_path, import);
  const std::vector<uint8_t> file = ReadBytes(lutra_path);
  RuntimeSession session(file, lutra_path);
  const Comparison comparison = CompareOnData(graph, session, data, {});
  std::map<std::string, std::string> names;
  for (const Node& node : graph.nodes) names[node.Label()] = quantize::LayerName(graph, node);
  std::vector<LayerReport> layers;
  for (size_t i = 0; i < OperatorCount(session.model()); ++i) {
    LayerReport& layer = layers.emplace_back(DescribeLayer(DescribeOperator(session.model(), i)));
    if (const auto found = names.find(layer.name); found != names.end()) layer.name = found->second;
  }
  AddErrors(comparison, layers);
  CompareReport report;
  for (LayerReport& layer : layers) {
    if (!layer.name.empty()) report.layers.push_back(std::move(layer));
  }
  report.output_sqnr_db = comparison.WorstOutputDb();
  report.top1_agreement = comparison.Top1Agreement();
  report.samples = comparison.samples;
  report.warnings = data.warnings();
  return report;
}

}  // namespace lutra::converter::evaluate
