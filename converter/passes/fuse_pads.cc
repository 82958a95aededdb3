// Pad with zeros before Conv, or before an AveragePool that counts padding -> its pads attribute.
#include <algorithm>

#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter {
namespace {

using Dims = std::vector<int64_t>;

/// Padding of the spatial axes as ONNX's pads attribute; none when the Pad does anything else.
std::optional<Dims> SpatialZeroPads(const Graph& graph, const Node& pad) {
  if (pad.String("mode", "constant") != "constant" || !pad.Input(3).empty()) return std::nullopt;
  if (!pad.Input(2).empty() && ScalarConstant(graph, pad.Input(2)) != 0.0F) return std::nullopt;
  const auto all = ConstantInts(graph, pad.Input(1));
  if (!all || all->size() % 2 != 0 || all->size() < 6) return std::nullopt;
  if (std::ranges::any_of(*all, [](int64_t amount) { return amount < 0; })) return std::nullopt;
  const size_t rank = all->size() / 2;
  Dims pads;
  for (size_t i = 0; i < all->size(); ++i) {
    if (i % rank >= 2) {
      pads.push_back((*all)[i]);
    } else if ((*all)[i] != 0) {
      return std::nullopt;
    }
  }
  return pads;
}

bool TakesZeroPads(const Node& node, const Dims& own) {
  if (!node.domain.empty() || node.layout != Layout::nchw) return false;
  if (node.String("auto_pad", "NOTSET") != "NOTSET") return false;
  if (node.op == "Conv") return true;
  if (node.op != "AveragePool" || node.Int("ceil_mode", 0) != 0) return false;
  return node.Int("count_include_pad", 0) != 0 ||
         std::ranges::all_of(own, [](int64_t amount) { return amount == 0; });
}

}  // namespace

void FusePads(Graph& graph) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    const std::optional<size_t> producer = graph.Producer(node.Input(0));
    if (!producer || graph.nodes[*producer].op != "Pad") continue;
    const auto added = SpatialZeroPads(graph, graph.nodes[*producer]);
    if (!added) continue;
    Dims pads = node.Ints("pads", Dims(added->size(), 0));
    if (!TakesZeroPads(node, pads) || pads.size() != added->size()) continue;
    for (size_t k = 0; k < pads.size(); ++k) pads[k] += (*added)[k];
    node.attributes["pads"] = pads;
    if (node.op == "AveragePool") node.attributes["count_include_pad"] = int64_t{1};
    node.inputs[0] = graph.nodes[*producer].Input(0);  // the Pad dies if nothing else reads it
  }
}

}  // namespace lutra::converter
