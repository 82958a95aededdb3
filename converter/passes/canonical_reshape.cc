// Reshape, Flatten, Squeeze and Unsqueeze -> Reshape with a constant target; two in a row -> one.
//
// The target leaves dimension 0 open (0 where it is the input's, -1 where it is not), so that the
// graph still runs with another batch size than the one its shapes were inferred for.
#include <set>
#include <string_view>
#include <utility>

#include "converter/passes/connections.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

bool IsReshape(const Node& node) {
  static const std::set<std::string_view> kOps = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"};
  return node.domain.empty() && kOps.contains(node.op);
}

void MakeReshape(Connections& connections, size_t index) {
  const std::string input = connections.node(index).Input(0);
  const std::string output = connections.node(index).outputs[0];
  const auto* from = KnownDims(connections.graph(), input);
  const auto* to = KnownDims(connections.graph(), output);
  if (from == nullptr || to == nullptr || ElementCount(*to) == 0) return;
  const std::string target =
      connections.AddInitializer(output + "_shape", ReshapeTarget(*from, *to));
  connections.Edit(index, [&](Node& node) {
    node.op = "Reshape";
    node.inputs = {input, target};
    node.attributes.clear();
  });
}

/// The input of a Reshape that only another one reads is taken past it.
void SkipInner(Connections& connections, size_t index) {
  const std::optional<size_t> producer = connections.Producer(connections.node(index).Input(0));
  if (!producer || !IsReshape(connections.node(*producer))) return;
  if (connections.node(*producer).clamp) return;
  connections.SetInput(index, 0, connections.node(*producer).Input(0));
}

}  // namespace

void CanonicalReshape(Graph& graph) {
  Connections connections(graph);
  for (size_t i = 0; i < connections.size(); ++i) {
    if (!IsReshape(connections.node(i))) continue;
    SkipInner(connections, i);
    MakeReshape(connections, i);
  }
  connections.Finish();
}

}  // namespace lutra::converter::passes
