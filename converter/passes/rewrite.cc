#include "converter/passes/rewrite.h"

#include <algorithm>
#include <utility>

namespace lutra::converter {

const std::vector<int64_t>* KnownDims(const Graph& graph, const std::string& value) {
  if (const Tensor* constant = graph.Constant(value)) return &constant->dims();
  const ValueInfo* info = graph.Info(value);
  if (info == nullptr || !info->dims) return nullptr;
  const bool known = std::ranges::all_of(*info->dims, [](int64_t dim) { return dim >= 0; });
  return known ? &*info->dims : nullptr;
}

std::optional<size_t> OnlyConsumer(const Graph& graph, const std::string& value) {
  if (graph.IsOutput(value)) return std::nullopt;
  const std::vector<size_t> consumers = graph.Consumers(value);
  if (consumers.size() != 1) return std::nullopt;
  if (std::ranges::count(graph.nodes[consumers[0]].inputs, value) != 1) return std::nullopt;
  return consumers[0];
}

std::optional<float> ScalarConstant(const Graph& graph, const std::string& value) {
  const Tensor* constant = graph.Constant(value);
  if (constant == nullptr || constant->elements() != 1) return std::nullopt;
  return constant->ToFloats()[0];
}

std::optional<std::vector<int64_t>> ConstantInts(const Graph& graph, const std::string& value) {
  const Tensor* constant = graph.Constant(value);
  if (constant == nullptr) return std::nullopt;
  return constant->ToInts();
}

std::string AddInitializer(Graph& graph, const std::string& stem, Tensor tensor) {
  std::string name = graph.FreshName(stem);
  graph.values[name] = {tensor.type(), tensor.dims()};
  graph.initializers.emplace(name, std::move(tensor));
  return name;
}

bool Bypass(Graph& graph, size_t index, const std::string& value) {
  const std::string output = graph.nodes[index].outputs[0];
  if (!graph.IsOutput(output)) {
    graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(index));
    graph.ReplaceUses(output, value);
    graph.values.erase(output);
    return true;
  }
  const std::optional<size_t> producer = graph.Producer(value);
  if (!producer || graph.IsOutput(value)) return false;
  std::ranges::replace(graph.nodes[*producer].outputs, value, output);
  graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(index));
  graph.ReplaceUses(value, output);
  graph.values.erase(value);
  return true;
}

void Fail(const Node& node, const std::string& why) {
  throw Error("node '" + node.Label() + "' (" + node.op + "): " + why);
}

int64_t ResolvedAxis(const Node& node, int64_t axis, size_t rank) {
  const auto signed_rank = static_cast<int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank) {
    Fail(node, "axis " + std::to_string(axis) + " of " + std::to_string(rank) + " dimensions");
  }
  return axis < 0 ? axis + signed_rank : axis;
}

}  // namespace lutra::converter
