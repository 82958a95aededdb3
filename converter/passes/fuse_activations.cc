// Relu and Clip become the clamp of the operator before them. A Reshape, or a MaxPool, between the
// two is no obstacle: both commute with a function that acts on each element and never decreases.
#include <algorithm>

#include "converter/graph/operator_table.h"
#include "converter/passes/connections.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

/// The limits of a Relu or constant Clip.
std::optional<Clamp> ReadClamp(const Graph& graph, const Node& node) {
  if (!node.domain.empty() || node.clamp) return std::nullopt;
  Clamp clamp;
  if (node.op == "Relu") {
    clamp.lo = 0;
    return clamp;
  }
  if (node.op != "Clip") return std::nullopt;
  const auto read = [&](size_t i, float& limit) {
    if (node.Input(i).empty()) return true;
    const std::optional<float> value = ScalarConstant(graph, node.Input(i));
    if (value) limit = *value;
    return value.has_value();
  };
  if (!read(1, clamp.lo) || !read(2, clamp.hi)) return std::nullopt;
  clamp.lo = std::min(clamp.lo, clamp.hi);  // ONNX: the upper limit wins
  return clamp;
}

bool LetsThrough(const Node& node) {
  return node.domain.empty() && (node.op == "Reshape" || node.op == "MaxPool") && !node.clamp &&
         node.outputs.size() == 1;
}

/// clamp(clamp(y, inner), outer)
Clamp Compose(const Clamp& inner, const Clamp& outer) {
  return {std::min(std::max(inner.lo, outer.lo), outer.hi),
          std::min(std::max(inner.hi, outer.lo), outer.hi)};
}

/// The operator whose values, unseen by anyone else, arrive at `value`.
std::optional<size_t> Target(const Connections& connections, std::string value) {
  while (true) {
    const std::optional<size_t> producer = connections.Producer(value);
    if (!producer || !connections.OnlyConsumer(value)) return std::nullopt;
    const Node& node = connections.node(*producer);
    if (Is(node, kTakesClamp)) {
      const ValueInfo* info = connections.graph().Info(value);
      const bool real = info == nullptr || info->type == DataType::float32;
      return real ? producer : std::nullopt;
    }
    if (!LetsThrough(node)) return std::nullopt;
    value = node.Input(0);
  }
}

}  // namespace

void FuseActivations(Graph& graph) {
  FuseGates(graph);
  Connections connections(graph);
  for (size_t i = 0; i < connections.size(); ++i) {
    const std::optional<Clamp> clamp = ReadClamp(graph, connections.node(i));
    if (!clamp) continue;
    const std::string value = connections.node(i).Input(0);
    const std::optional<size_t> target = Target(connections, value);
    if (!target) continue;
    connections.Edit(
        *target, [&](Node& node) { node.clamp = Compose(node.clamp.value_or(Clamp{}), *clamp); });
    // The operator right before takes the activation's name: what it computes is now that value.
    const std::string output = connections.node(i).outputs[0];
    connections.Remove(i);
    connections.Edit(*connections.Producer(value), [&](Node& last) { last.outputs[0] = output; });
  }
  connections.Finish();
}

}  // namespace lutra::converter::passes
