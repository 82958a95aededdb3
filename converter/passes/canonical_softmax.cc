// Flatten, Softmax along the last dimension, Reshape back: how the importer writes the Softmax of
// opsets before 13, whose dimensions from `axis` on were one. Where at most one of those dimensions
// has more than one element, that is a Softmax along this dimension.
#include <set>
#include <string_view>

#include "converter/graph/shape.h"
#include "converter/passes/connections.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

/// The dimension of `dims` that the last one of [rows, columns] stands for; none when it is
/// several.
std::optional<int64_t> SoleDimension(const Dims& dims, const Dims& flat) {
  if (flat.size() != 2) return std::nullopt;
  size_t axis = dims.size();
  int64_t columns = 1;
  std::optional<int64_t> sole;
  while (axis > 0 && columns < flat[1]) {
    columns *= dims[--axis];
    if (dims[axis] == 1) continue;
    if (sole) return std::nullopt;
    sole = static_cast<int64_t>(axis);
  }
  return columns == flat[1] ? sole : std::nullopt;
}

void Restore(Connections& connections, size_t index) {
  const Graph& graph = connections.graph();
  const Node& softmax = connections.node(index);
  const std::optional<size_t> before = connections.Producer(softmax.Input(0));
  const std::optional<size_t> after = connections.OnlyConsumer(softmax.outputs[0]);
  if (!before || !after) return;
  const Node& flatten = connections.node(*before);
  const Node& reshape = connections.node(*after);
  if (flatten.op != "Reshape" || flatten.clamp || reshape.op != "Reshape") return;
  const Dims* dims = KnownDims(graph, flatten.Input(0));
  const Dims* flat = KnownDims(graph, softmax.Input(0));
  const Dims* result = KnownDims(graph, reshape.outputs[0]);
  if (dims == nullptr || flat == nullptr || result == nullptr || *dims != *result) return;
  if (AxisOf(softmax, softmax.Int("axis", -1), flat->size()) != 1) return;
  const std::optional<int64_t> axis = SoleDimension(*dims, *flat);
  if (!axis) return;
  const std::string input = flatten.Input(0), output = reshape.outputs[0];
  connections.Remove(*after);
  connections.Edit(index, [&](Node& restored) {
    restored.inputs[0] = input;
    restored.outputs[0] = output;
    restored.attributes["axis"] = *axis;
  });
}

}  // namespace

void CanonicalSoftmax(Graph& graph) {
  static const std::set<std::string_view> kOps = {"Softmax", "LogSoftmax", "Hardmax"};
  Connections connections(graph);
  for (size_t i = 0; i < connections.size(); ++i) {
    const Node& node = connections.node(i);
    if (node.domain.empty() && !node.clamp && kOps.contains(node.op)) Restore(connections, i);
  }
  connections.Finish();
}

}  // namespace lutra::converter::passes
