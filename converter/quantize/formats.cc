#include "converter/quantize/formats.h"

#include <algorithm>

#include "converter/quantize/operators.h"

namespace lutra::converter::quantize {
namespace {

// Its result is exact in float32, as of a Cast of integers.
bool ReadsNoReals(const Graph& graph, const Node& node) {
  const std::vector<std::string> inputs = ActivationInputs(graph, node);
  return !inputs.empty() && std::ranges::none_of(inputs, [&](const std::string& input) {
    return graph.IsReal(input);
  });
}

// By its scheme alone; "" with false: float is what was asked for.
bool MayBeInteger(const Graph& graph, const Node& node, Quantization& quantization,
                  std::string* reason) {
  const LayerScheme& scheme = quantization.schemes[node.Label()];
  if (!graph.IsReal(node.Label()) || ReadsNoReals(graph, node)) return false;
  // An imported network may have quantized its scores itself.
  if (IsFinalSoftmax(graph, node) && !quantization.Params(node.Label())) return false;
  if (scheme.activations != ActivationType::integer) return false;
  const OperatorForm form = IntegerFormOf(graph, node);
  if (form.form == IntegerForm::weights && !scheme.HasIntegers()) return false;
  *reason = form.reason;
  return form.form != IntegerForm::none;
}

}  // namespace

std::set<std::string> ChooseFormats(const Graph& graph, Quantization& quantization) {
  std::set<std::string> native;  // values that are int8 where they are made
  std::string reason;
  for (const std::string& input : graph.inputs) {
    if (!graph.IsReal(input)) continue;
    for (const size_t consumer : graph.Consumers(input)) {
      const Node& node = graph.nodes[consumer];
      if (MayBeInteger(graph, node, quantization, &reason)) {
        native.insert(input);
      }
    }
  }
  std::set<std::string> values;
  for (const Node& node : graph.nodes) {
    const std::vector<std::string> inputs = ActivationInputs(graph, node);
    reason.clear();
    bool integer = MayBeInteger(graph, node, quantization, &reason);
    if (integer && IntegerFormOf(graph, node).form == IntegerForm::passive) {
      integer = std::ranges::any_of(inputs, [&](const auto& in) { return native.contains(in); });
    }
    if (!integer) {
      if (!reason.empty()) quantization.float_reason[node.Label()] = reason;
      continue;
    }
    quantization.integer_nodes.insert(node.Label());
    values.insert(inputs.begin(), inputs.end());
    for (const std::string& output : node.outputs) {
      if (output.empty() || !graph.IsReal(output)) continue;
      native.insert(output);
      values.insert(output);
    }
  }
  return values;
}

}  // namespace lutra::converter::quantize
