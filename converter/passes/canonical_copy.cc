// Operators that copy elements of an axis several times -> Gather by constant indices, which the
// runtime executes as a resize with a table: Tile, Expand, Pad in wrap mode. Pads that crop and
// repeat the border -> Slice, then Pad.
#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "converter/graph/shape.h"
#include "converter/passes/expansion.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

/// `count` indices from `first` on, modulo n.
Dims Cyclic(int64_t first, int64_t count, int64_t n) {
  Dims indices(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    indices[static_cast<size_t>(i)] = ((first + i) % n + n) % n;
  }
  return indices;
}

std::string Gathered(Expansion& expansion, const std::string& value, Dims indices, size_t axis) {
  return expansion.Add("Gather", {value, expansion.Ints(std::move(indices))},
                       {{"axis", static_cast<int64_t>(axis)}});
}

/// Tile and Expand: every axis of the result repeats the input's, which may lack leading ones.
bool RepeatAxes(Expansion& expansion) {
  const Graph& graph = expansion.graph();
  const Node& node = expansion.node();
  const Dims in = *KnownDims(graph, node.Input(0)), out = *KnownDims(graph, node.outputs[0]);
  if (in == out || out.size() < in.size()) return false;
  std::string value = node.Input(0);
  Dims from(out.size() - in.size(), 1);
  from.insert(from.end(), in.begin(), in.end());
  if (from.size() != in.size()) {
    value = expansion.Reshape(value, in, from);
  }
  for (size_t axis = 0; axis < out.size(); ++axis) {
    if (from[axis] == out[axis]) continue;
    value = Gathered(expansion, value, Cyclic(0, out[axis], from[axis]), axis);
  }
  return true;
}

struct Border {
  size_t axis;
  int64_t before, after;
};

/// The borders that are not 0; none when they are computed.
std::optional<std::vector<Border>> ReadBorders(const Graph& graph, const Node& node, size_t rank) {
  const auto pads = ConstantInts(graph, node.Input(1));
  Dims axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (!node.Input(3).empty()) {
    const auto given = ConstantInts(graph, node.Input(3));
    if (!given) return std::nullopt;
    axes = *given;
  }
  if (!pads || pads->size() != 2 * axes.size()) return std::nullopt;
  std::vector<Border> borders;
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t before = (*pads)[i], after = (*pads)[axes.size() + i];
    if (before == 0 && after == 0) continue;
    borders.push_back({AxisOf(node, axes[i], rank), before, after});
  }
  return borders;
}

/// What is left after cropping.
std::string Cropped(Expansion& expansion, const std::string& value,
                    const std::vector<Border>& borders) {
  Dims starts, ends, axes;
  for (const Border& border : borders) {
    if (border.before >= 0 && border.after >= 0) continue;
    starts.push_back(std::max<int64_t>(-border.before, 0));
    ends.push_back(border.after < 0 ? border.after : std::numeric_limits<int64_t>::max());
    axes.push_back(static_cast<int64_t>(border.axis));
  }
  if (axes.empty()) return value;
  return expansion.Add("Slice",
                       {value, expansion.Ints(starts), expansion.Ints(ends), expansion.Ints(axes)});
}

bool RewritePad(Expansion& expansion) {
  const Graph& graph = expansion.graph();
  const Node& node = expansion.node();
  const std::string mode = node.String("mode", "constant");
  const Dims dims = *KnownDims(graph, node.Input(0));
  const auto borders = ReadBorders(graph, node, dims.size());
  if (mode == "constant" || !borders) return false;
  const bool crops = std::ranges::any_of(
      *borders, [](const Border& border) { return border.before < 0 || border.after < 0; });
  if (mode != "wrap" && !crops) return false;
  std::string value = Cropped(expansion, node.Input(0), *borders);
  Dims pads(2 * dims.size(), 0);
  bool pads_any = false;
  for (const Border& border : *borders) {
    const int64_t before = std::max<int64_t>(border.before, 0);
    const int64_t after = std::max<int64_t>(border.after, 0);
    const int64_t left = dims[border.axis] + std::min<int64_t>(border.before, 0) +
                         std::min<int64_t>(border.after, 0);
    if (left <= 0) return false;
    if (before == 0 && after == 0) continue;
    pads_any = true;
    pads[border.axis] = before;
    pads[border.axis + dims.size()] = after;
    if (mode == "wrap") {
      value = Gathered(expansion, value, Cyclic(-before, before + left + after, left), border.axis);
    }
  }
  if (mode != "wrap" && pads_any) {
    expansion.Add("Pad", {value, expansion.Ints(pads)}, {{"mode", mode}});
  }
  return true;
}

bool Rewrite(Expansion& expansion) {
  const Graph& graph = expansion.graph();
  const Node& node = expansion.node();
  const auto *in = KnownDims(graph, node.Input(0)), *out = KnownDims(graph, node.outputs[0]);
  if (in == nullptr || out == nullptr || ElementCount(*in) == 0 || ElementCount(*out) == 0) {
    return false;
  }
  if (node.op == "Tile" || node.op == "Expand") return RepeatAxes(expansion);
  return node.op == "Pad" && RewritePad(expansion);
}

}  // namespace

void CanonicalCopy(Graph& graph) {
  Connections connections(graph);
  bool changed = false;
  for (size_t i = 0; i < connections.size(); ++i) {
    const Node& node = connections.node(i);
    if (!node.domain.empty() || node.outputs.size() != 1) continue;
    Expansion expansion(connections, i);
    if (!Rewrite(expansion)) continue;
    expansion.Finish();
    changed = true;
  }
  connections.Finish();
  if (changed) InferShapes(graph);
}

}  // namespace lutra::converter::passes
