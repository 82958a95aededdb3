#include "converter/train/trainable.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "converter/error.h"
#include "converter/graph/operator_table.h"
#include "converter/passes/passes.h"

namespace lutra::converter::train {
namespace {

/// What constant input `i` of the operator is to training; nullopt: a constant like any other.
std::optional<ParameterKind> KindOf(const Node& node, size_t i) {
  if (!node.domain.empty()) return std::nullopt;
  if (RoleOf(node, i) == Role::weight) return ParameterKind::weight;
  if (i == 2 && RoleOf(node, 1) == Role::weight) return ParameterKind::bias;
  if (node.op == "BatchNormalization" && i >= 3) return ParameterKind::statistic;
  const bool normalizes = node.op.ends_with("Normalization") || node.op == "PRelu";
  if (normalizes && (i == 1 || i == 2)) return ParameterKind::normalization;
  return std::nullopt;
}

bool Moves(const Node& node) { return Is(node, kView) || node.op == "Cast"; }

/// A constant row that an Add puts behind a product is its bias.
bool AddsBias(const Graph& graph, const Node& node, size_t i) {
  if (node.op != "Add" || !node.domain.empty() || i > 1) return false;
  const std::optional<size_t> producer = graph.Producer(node.inputs[1 - i]);
  return producer && RoleOf(graph.nodes[*producer], 1) == Role::weight;
}

/// The initializer whose elements arrive at the value, or none.
std::optional<std::string> Source(const Graph& graph, std::string value) {
  while (graph.Constant(value) == nullptr) {
    const std::optional<size_t> producer = graph.Producer(value);
    if (!producer || !Moves(graph.nodes[*producer])) return std::nullopt;
    value = graph.nodes[*producer].inputs[0];
  }
  return value;
}

std::vector<Parameter> FindParameters(const Graph& graph) {
  std::vector<Parameter> parameters;
  std::set<std::string> seen;
  for (const Node& node : graph.nodes) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i].empty()) continue;
      std::optional<ParameterKind> kind = KindOf(node, i);
      if (!kind && AddsBias(graph, node, i)) kind = ParameterKind::bias;
      if (!kind) continue;
      const std::optional<std::string> source = Source(graph, node.inputs[i]);
      if (!source || !IsFloating(graph.Constant(*source)->type())) continue;
      if (seen.insert(*source).second) parameters.push_back({*source, *kind});
    }
  }
  return parameters;
}

}  // namespace

Trainable MakeTrainable(Graph imported) {
  Trainable result;
  result.graph = std::move(imported);
  Graph& graph = result.graph;
  result.inputs = graph.inputs;
  result.parameters = FindParameters(graph);
  const bool any = std::ranges::any_of(
      result.parameters, [](const Parameter& p) { return p.kind != ParameterKind::statistic; });
  if (!any) throw Error("the network has no weights that could be trained");
  for (const Parameter& parameter : result.parameters) {
    auto initializer = graph.initializers.extract(parameter.name);
    Tensor value = initializer.mapped().Cast(DataType::float32);
    graph.values[parameter.name] = {DataType::float32, value.dims()};
    graph.inputs.push_back(parameter.name);
    result.values.emplace(parameter.name, std::move(value));
  }
  passes::FloatInputs(graph);
  passes::InferShapes(graph);
  passes::FoldConstants(graph);
  passes::WidenFloats(graph);
  passes::RemoveDeadCode(graph);
  passes::CanonicalReshape(graph);
  passes::CanonicalSpatial(graph);
  passes::FusePads(graph);
  passes::FuseActivations(graph);
  passes::FoldConstants(graph);
  passes::RemoveDeadCode(graph);
  passes::LayOutGraph(graph);
  return result;
}

}  // namespace lutra::converter::train
