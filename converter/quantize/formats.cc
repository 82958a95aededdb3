#include "converter/quantize/formats.h"

#include <algorithm>

#include "converter/quantize/operators.h"

namespace lutra::converter::quantize {
namespace {

bool IsFloatingValue(const Graph& graph, const std::string& value) {
  const ValueInfo* info = graph.Info(value);
  return info == nullptr || info->type == DataType::undefined || IsFloating(info->type);
}

// By its scheme alone; "" with false: float is what was asked for.
bool MayBeInteger(const Graph& graph, const Node& node, Quantization& quantization,
                  std::string* reason) {
  const LayerScheme& scheme = quantization.schemes[node.Label()];
  if (!IsFloatingValue(graph, node.Label())) return false;
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
    if (!IsFloatingValue(graph, input)) continue;
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
      if (output.empty()) continue;
      native.insert(output);
      values.insert(output);
    }
  }
  return values;
}

}  // namespace lutra::converter::quantize
