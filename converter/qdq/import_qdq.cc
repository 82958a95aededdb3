#include "converter/qdq/import_qdq.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "converter/error.h"
#include "converter/passes/passes.h"
#include "converter/qdq/arrange_points.h"
#include "converter/qdq/choose_integers.h"
#include "converter/qdq/constants.h"
#include "converter/qdq/expand_qoperators.h"
#include "converter/qdq/make_points.h"

namespace lutra::converter::qdq {

bool IsQuantized(const Graph& graph) {
  return std::ranges::any_of(graph.nodes, [](const Node& node) {
    return node.op == "QuantizeLinear" || node.op == "DequantizeLinear" || IsQOperator(node);
  });
}

void RefuseDynamicallyQuantized(const Graph& graph) {
  static const std::set<std::string_view> kOps = {
      "DynamicQuantizeLinear", "MatMulInteger", "ConvInteger",        "DynamicQuantizeMatMul",
      "MatMulIntegerToFloat",  "QAttention",    "DynamicQuantizeLSTM"};
  for (const Node& node : graph.nodes) {
    if (!kOps.contains(node.op)) continue;
    throw Error("node '" + node.Label() + "' (" + node.op +
                "): the network is dynamically quantized (quantize_dynamic), which is not read: "
                "convert the float network it was made from, with --activations dynamic");
  }
}

ImportedNetwork ImportQuantized(Graph graph) {
  ExpandQOperators(graph);
  // Weights may be stored as float32 in front of a QuantizeLinear, or be turned as integers.
  passes::InferShapes(graph);
  passes::FoldConstants(graph);
  const ConstantRecords records = TakeConstants(graph);
  // Points keep the passes from fusing across a rounding.
  MakePoints(graph);
  ArrangePoints(graph);
  passes::FuseGraph(graph);
  ArrangePoints(graph);
  MarkOperands(graph, records);
  passes::LayOutGraph(graph);
  ArrangePoints(graph);  // next to the Transposes that came in
  passes::RemoveDeadCode(graph);
  ImportedNetwork network;
  network.graph = std::move(graph);
  ChooseIntegers(records, network.graph, network.reference, network.quantization);
  network.graph.Check();
  network.reference.Check();
  return network;
}

}  // namespace lutra::converter::qdq
