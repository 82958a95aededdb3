// The runtime resizes the width and height of an image, nearest and linear. Every other Resize is
// written with operators it has, one axis after the other: nearest picks elements, and all the rest
// (cubic, antialiased, other ranks) is a product by a matrix that holds an axis's weights. It
// stands on the left, where no recipe takes it for the weights of a layer.
#include <algorithm>
#include <utility>

#include "converter/graph/resize_axes.h"
#include "converter/graph/resize_mode.h"
#include "converter/passes/expansion.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

/// A larger matrix is not worth its memory.
constexpr int64_t kMaxMatrix = int64_t{1} << 24;

/// Empty where the shape of the result is not known before the network runs.
std::vector<ResizeAxis> ReadAxes(const Graph& graph, const Node& node) {
  const auto* dims = KnownDims(graph, node.Input(0));
  const Tensor *scales = graph.Constant(node.Input(2)), *sizes = graph.Constant(node.Input(3));
  if (dims == nullptr || ElementCount(*dims) == 0 || (scales == nullptr && sizes == nullptr)) {
    return {};
  }
  try {
    return ResizeAxes(node, *dims, graph.Constant(node.Input(1)), scales, sizes);
  } catch (const Error& error) {
    Fail(node, error.what());
  }
}

bool IsImage(const std::vector<ResizeAxis>& axes) {
  return (axes.size() == 3 || axes.size() == 4) && !axes[0].changes && !axes[1].changes;
}

bool IsPlain(const Node& node) {
  return node.String("mode", "nearest") == "linear" && node.Int("antialias", 0) == 0 &&
         node.Int("exclude_outside", 0) == 0;
}

bool CanBeWritten(const std::vector<ResizeAxis>& axes) {
  return std::ranges::all_of(axes, [](const ResizeAxis& axis) {
    const bool inside =
        std::ranges::none_of(axis.taps, [](const ResizeTaps& taps) { return taps.index.empty(); });
    return inside && axis.input * static_cast<int64_t>(axis.taps.size()) <= kMaxMatrix;
  });
}

Tensor MatrixOf(const ResizeAxis& axis) {
  const auto rows = static_cast<int64_t>(axis.taps.size());
  std::vector<float> values(static_cast<size_t>(rows * axis.input), 0.0F);
  for (size_t row = 0; row < axis.taps.size(); ++row) {
    const ResizeTaps& taps = axis.taps[row];
    for (size_t k = 0; k < taps.index.size(); ++k) {
      values[row * static_cast<size_t>(axis.input) + static_cast<size_t>(taps.index[k])] +=
          taps.weight[k];
    }
  }
  return Tensor::Of({rows, axis.input}, std::move(values));
}

std::string Picked(Expansion& expansion, const std::string& value, const ResizeAxis& axis,
                   size_t d) {
  Dims indices;
  for (const ResizeTaps& taps : axis.taps) indices.push_back(taps.index[0]);
  return expansion.Add("Gather", {value, expansion.Ints(std::move(indices))},
                       {{"axis", static_cast<int64_t>(d)}});
}

/// The axis is brought to the place of a matrix's rows and back.
std::string Multiplied(Expansion& expansion, std::string value, const ResizeAxis& axis, size_t d,
                       size_t rank) {
  Dims swap(rank);
  for (size_t i = 0; i < rank; ++i) swap[i] = static_cast<int64_t>(i);
  const bool moves = d + 2 < rank || (d + 1 == rank && rank > 1);
  if (moves) {
    std::swap(swap[d], swap[rank - 2]);
    value = expansion.Add("Transpose", {value}, {{"perm", swap}});
  }
  value = expansion.Add("MatMul", {expansion.Constant(MatrixOf(axis)), value});
  return moves ? expansion.Add("Transpose", {value}, {{"perm", swap}}) : value;
}

/// Resize-10 by the name of the rounding that is meant; false where axes differ.
bool NameRounding(Connections& connections, size_t index, const std::vector<ResizeAxis>& axes) {
  bool shrinks = false, grows = false;
  for (const ResizeAxis& axis : axes) {
    if (!axis.changes) continue;
    const auto output = static_cast<int64_t>(axis.taps.size());
    (output < axis.input ? shrinks : grows) = true;
  }
  if (shrinks && grows) return false;
  connections.Edit(index, [&](Node& node) {
    node.attributes["nearest_mode"] = std::string(shrinks ? "ceil" : "floor");
  });
  return true;
}

bool Rewrite(Connections& connections, size_t index) {
  const Node& node = connections.node(index);
  const std::vector<ResizeAxis> axes = ReadAxes(connections.graph(), node);
  if (axes.empty() || !CanBeWritten(axes)) return false;
  const bool nearest = node.String("mode", "nearest") == "nearest";
  if (IsImage(axes) && (nearest || IsPlain(node))) {
    if (node.String("nearest_mode", "") != kCeilToShrink) return false;
    if (NameRounding(connections, index, axes)) return false;
  }
  Expansion expansion(connections, index);
  std::string value = node.Input(0);
  if (std::ranges::none_of(axes, [](const ResizeAxis& axis) { return axis.changes; })) {
    expansion.Add("Identity", {value});
  }
  for (size_t d = 0; d < axes.size(); ++d) {
    if (!axes[d].changes) continue;
    value = nearest ? Picked(expansion, value, axes[d], d)
                    : Multiplied(expansion, value, axes[d], d, axes.size());
  }
  expansion.Finish();
  return true;
}

}  // namespace

void CanonicalResize(Graph& graph) {
  Connections connections(graph);
  bool changed = false;
  for (size_t i = 0; i < connections.size(); ++i) {
    const Node& node = connections.node(i);
    if (node.op != "Resize" || !node.domain.empty() || node.layout != Layout::nchw) continue;
    changed = Rewrite(connections, i) || changed;
  }
  connections.Finish();
  if (changed) InferShapes(graph);
}

}  // namespace lutra::converter::passes
