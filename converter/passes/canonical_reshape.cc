// Reshape, Flatten, Squeeze and Unsqueeze -> Reshape with a constant target; two in a row -> one.
//
// The target leaves dimension 0 open (0 where it is the input's, -1 where it is not), so that the
// graph still runs with another batch size than the one its shapes were inferred for.
#include <set>
#include <string_view>
#include <utility>

#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter {
namespace {

bool IsReshape(const Node& node) {
  static const std::set<std::string_view> kOps = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"};
  return node.domain.empty() && kOps.contains(node.op);
}

void MakeReshape(Graph& graph, size_t index) {
  const std::string input = graph.nodes[index].Input(0), output = graph.nodes[index].outputs[0];
  const auto* from = KnownDims(graph, input);
  const auto* to = KnownDims(graph, output);
  if (from == nullptr || to == nullptr || ElementCount(*to) == 0) return;
  const std::string target = AddReshapeTarget(graph, output, *from, *to);
  Node& node = graph.nodes[index];
  node.op = "Reshape";
  node.inputs = {input, target};
  node.attributes.clear();
}

/// The input of a Reshape that only another one reads is taken past it.
void SkipInner(Graph& graph, size_t index) {
  const std::string middle = graph.nodes[index].Input(0);
  const std::optional<size_t> producer = graph.Producer(middle);
  if (!producer || !IsReshape(graph.nodes[*producer])) return;
  if (graph.nodes[*producer].clamp) return;
  graph.nodes[index].inputs[0] = graph.nodes[*producer].Input(0);
}

}  // namespace

std::string AddReshapeTarget(Graph& graph, const std::string& stem,
                             const std::vector<int64_t>& from, std::vector<int64_t> to) {
  if (!to.empty()) to[0] = !from.empty() && from[0] == to[0] ? 0 : -1;
  const auto rank = static_cast<int64_t>(to.size());
  return AddInitializer(graph, stem + "_shape", Tensor::Of({rank}, std::move(to)));
}

void CanonicalReshape(Graph& graph) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!IsReshape(graph.nodes[i])) continue;
    SkipInner(graph, i);
    MakeReshape(graph, i);
  }
}

}  // namespace lutra::converter
