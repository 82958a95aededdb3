// What is known before anything runs is computed now: the shape arithmetic of exporters, and nodes
// that do nothing at inference.
//
// DequantizeLinear of a constant stays: it says how the weights of a quantized network are stored.
#include <algorithm>
#include <utility>

#include "converter/executor/float_executor.h"
#include "converter/graph/check_finite.h"
#include "converter/graph/operator_table.h"
#include "converter/passes/connections.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

bool AllZero(const std::vector<int64_t>& values) {
  return std::ranges::all_of(values, [](int64_t value) { return value == 0; });
}

/// Shape-preserving uses of operators that only move elements.
bool MovesNothing(const Graph& graph, const Node& node) {
  if (node.op == "Identity" || node.op == "Dropout") return true;
  if (node.op == "Concat" || node.op == "Sum" || node.op == "Max" || node.op == "Min" ||
      node.op == "Mean") {
    return node.inputs.size() == 1;
  }
  const auto* in = KnownDims(graph, node.Input(0));
  const auto* out = KnownDims(graph, node.outputs[0]);
  if (in == nullptr || out == nullptr || *in != *out) return false;
  if (Is(node, kKeepsOrder)) return true;
  if (node.op == "Split") return node.outputs.size() == 1;
  if (node.op == "Pad") {
    const auto pads = ConstantInts(graph, node.Input(1));
    return pads && AllZero(*pads);
  }
  if (node.op == "Slice") {
    if (node.Input(4).empty()) return true;
    const auto steps = ConstantInts(graph, node.Input(4));
    return steps && std::ranges::all_of(*steps, [](int64_t step) { return step > 0; });
  }
  if (node.op == "Transpose") {
    const std::vector<int64_t> perm = node.Ints("perm");
    return !perm.empty() && std::ranges::is_sorted(perm);
  }
  return false;
}

bool CastsNothing(const Graph& graph, const Node& node) {
  if (node.op != "Cast") return false;
  const ValueInfo* from = graph.Info(node.Input(0));
  if (from == nullptr || from->type == DataType::undefined) return false;
  return from->type == static_cast<DataType>(node.Int("to", 0));
}

/// `room`: elements of which a constant may be made.
bool IsFoldable(const Graph& graph, const Node& node, size_t room) {
  if (node.op == "DequantizeLinear" || node.inputs.empty()) return false;
  for (const std::string& output : node.outputs) {
    const auto* dims = KnownDims(graph, output);
    if (dims != nullptr && ElementCount(*dims) > room) return false;
  }
  if (node.op == "Shape" && node.domain.empty()) return KnownDims(graph, node.Input(0)) != nullptr;
  return executor::WhyUnsupported(node).empty() &&
         std::ranges::all_of(node.inputs, [&](const std::string& input) {
           return input.empty() || graph.Constant(input) != nullptr;
         });
}

/// How a value was computed, for messages about it.
std::string Origin(const Node& node) {
  std::string inputs;
  for (const std::string& input : node.inputs) {
    if (!input.empty()) inputs += (inputs.empty() ? " from '" : ", '") + input + "'";
  }
  return "node '" + node.Label() + "' (" + node.op + ")" + inputs;
}

/// Notes in `origins` the results that are no numbers. Returns how many elements were made.
size_t Fold(Connections& connections, size_t index, Origins& origins) {
  const Graph& graph = connections.graph();
  const Node node = connections.node(index);
  connections.Remove(index);
  std::vector<Tensor> inputs;
  for (const std::string& input : node.inputs) {
    if (input.empty()) {
      inputs.emplace_back();
    } else if (const Tensor* constant = graph.Constant(input)) {
      inputs.push_back(*constant);
    } else {
      inputs.emplace_back(DataType::uint8, *KnownDims(graph, input));  // of Shape
    }
  }
  std::vector<Tensor> results = executor::ExecuteNode(node, inputs);
  size_t made = 0;
  for (size_t i = 0; i < node.outputs.size() && i < results.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    made += results[i].elements();
    if (FirstNotFinite(results[i])) origins[node.outputs[i]] = Origin(node);
    connections.SetInitializer(node.outputs[i], std::move(results[i]));
  }
  return made;
}

}  // namespace

void FoldConstants(Graph& graph, FoldLimits limits) {
  Origins origins;
  Connections connections(graph);
  for (size_t i = 0; i < connections.size(); ++i) {
    const Node& node = connections.node(i);
    if (limits.all > 0 && IsFoldable(graph, node, std::min(limits.one, limits.all))) {
      limits.all -= std::min(limits.all, Fold(connections, i, origins));
      continue;
    }
    const bool plain = node.domain.empty() && !node.clamp;
    if (plain && (MovesNothing(graph, node) || CastsNothing(graph, node))) {
      if (connections.Bypass(i, std::string(node.Input(0)))) continue;
      // Between an input of the graph and an output some node has to stand.
      connections.Edit(i, [](Node& copy) {
        copy.op = "Identity";
        copy.inputs.resize(1);
        copy.attributes.clear();
      });
    }
  }
  connections.Finish();
  if (!origins.empty()) CheckFinite(graph, origins);
}

}  // namespace lutra::converter::passes
