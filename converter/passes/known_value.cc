// What a value is, where shapes and constants decide it: the conditions that exporters leave in
// front of branches. Only the nodes behind the value are looked at.
#include <algorithm>
#include <set>

#include "converter/error.h"
#include "converter/passes/infer_shapes.h"
#include "converter/passes/passes.h"

namespace lutra::converter::passes {

std::optional<Tensor> KnownValue(const Graph& graph, const std::string& value) {
  // Conditions follow from a few shapes; a network may ask for many of them.
  constexpr size_t kMostNodes = 256, kMostElements = 4096;
  constexpr uint64_t kMostComputed = uint64_t{1} << 28;  // Shape of an input counts as the input
  Graph part;
  part.outputs = {value};
  std::set<size_t> nodes;
  std::set<std::string> seen = {"", value};
  for (std::vector<std::string> wanted = {value}; !wanted.empty();) {
    const std::string name = std::move(wanted.back());
    wanted.pop_back();
    const bool input = std::ranges::find(graph.inputs, name) != graph.inputs.end();
    if (nodes.size() > kMostNodes) return std::nullopt;
    if (const ValueInfo* info = graph.Info(name)) part.values[name] = *info;
    if (const Tensor* constant = graph.Constant(name)) {
      if (constant->elements() > kMostElements) return std::nullopt;
      part.initializers[name] = *constant;
    } else if (const std::optional<size_t> producer = graph.Producer(name)) {
      nodes.insert(*producer);
      for (const std::string& next : graph.nodes[*producer].inputs) {
        if (seen.insert(next).second) wanted.push_back(next);
      }
    } else if (input) {
      part.inputs.push_back(name);
    } else {
      return std::nullopt;
    }
  }
  for (const size_t node : nodes) part.nodes.push_back(graph.nodes[node]);
  try {
    part.Sort();
    InferShapes(part, kMostComputed);
    FoldConstants(part);
  } catch (const Error&) {
    return std::nullopt;  // no shapes, or a fault that the whole graph's check will name
  }
  const Tensor* constant = part.Constant(value);
  return constant == nullptr ? std::nullopt : std::optional(*constant);
}

}  // namespace lutra::converter::passes
