// Relu and Clip become the clamp of the operator before them. A Reshape, or a MaxPool, between the
// two is no obstacle: both commute with a function that acts on each element and never decreases.
#include <algorithm>
#include <set>
#include <string_view>

#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter {
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
  return clamp.lo <= clamp.hi ? std::optional(clamp) : std::nullopt;
}

bool TakesClamp(const Node& node) {
  static const std::set<std::string_view> kOps = {
      "Conv",        "ConvTranspose",     "Gemm",       "MatMul",   "Add", "Sub", "Mul", "Div",
      "AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum"};
  return node.domain.empty() && kOps.contains(node.op);
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
std::optional<size_t> Target(const Graph& graph, std::string value) {
  while (true) {
    const std::optional<size_t> producer = graph.Producer(value);
    if (!producer || !OnlyConsumer(graph, value)) return std::nullopt;
    const Node& node = graph.nodes[*producer];
    if (TakesClamp(node)) {
      const ValueInfo* info = graph.Info(value);
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
  for (size_t i = 0; i < graph.nodes.size();) {
    const std::optional<Clamp> clamp = ReadClamp(graph, graph.nodes[i]);
    const std::string value = clamp ? graph.nodes[i].Input(0) : "";
    const std::optional<size_t> target = clamp ? Target(graph, value) : std::nullopt;
    if (!target) {
      ++i;
      continue;
    }
    Node& node = graph.nodes[*target];
    node.clamp = Compose(node.clamp.value_or(Clamp{}), *clamp);
    // The operator right before takes the activation's name: what it computes is now that value.
    Node& last = graph.nodes[*graph.Producer(value)];
    last.outputs[0] = graph.nodes[i].outputs[0];
    graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace lutra::converter
