// One way to say it: explicit pads instead of auto_pad, GlobalAveragePool for every mean over all
// spatial axes, Resize without a choice of axes.
#include <algorithm>
#include <numeric>
#include <set>
#include <string_view>
#include <utility>

#include "converter/graph/window.h"
#include "converter/passes/connections.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

Dims SpatialDims(const Node& node, const Dims& dims) {
  return node.layout == Layout::nhwc ? Dims(dims.begin() + 1, dims.end() - 1)
                                     : Dims(dims.begin() + 2, dims.end());
}

/// Conv and pooling; ConvTranspose, whose auto_pad means another thing, keeps it.
void ExplicitPads(const Graph& graph, Node& node) {
  static const std::set<std::string_view> kOps = {"Conv", "MaxPool", "AveragePool", "LpPool"};
  if (!kOps.contains(node.op) || node.String("auto_pad", "NOTSET") == "NOTSET") return;
  const auto* x = KnownDims(graph, node.Input(0));
  if (x == nullptr || x->size() < 3) return;
  Dims kernel = node.Ints("kernel_shape");
  if (node.op == "Conv") {
    const auto* w = KnownDims(graph, node.Input(1));
    if (w == nullptr || w->size() < 3) return;
    kernel.assign(w->begin() + 2, w->end());
  }
  const Window window = WindowOf(node, kernel, SpatialDims(node, *x));
  Dims pads = window.begin;
  pads.insert(pads.end(), window.end.begin(), window.end.end());
  node.attributes["pads"] = pads;
  node.attributes.erase("auto_pad");
}

bool CoversAll(const Graph& graph, const Node& node) {
  const auto* x = KnownDims(graph, node.Input(0));
  if (x == nullptr || x->size() < 3) return false;
  if (node.Ints("kernel_shape") != SpatialDims(node, *x)) return false;
  return std::ranges::all_of(node.Ints("pads"), [](int64_t pad) { return pad == 0; });
}

bool ReducesSpatial(const Graph& graph, const Node& node) {
  const auto* x = KnownDims(graph, node.Input(0));
  if (x == nullptr || x->size() < 3) return false;
  const auto axes = ConstantInts(graph, node.Input(1));
  if (!axes) return false;
  std::set<size_t> reduced;
  for (const int64_t axis : *axes) reduced.insert(AxisOf(node, axis, x->size()));
  std::vector<size_t> spatial(x->size() - 2);
  std::iota(spatial.begin(), spatial.end(), 2);
  return std::ranges::equal(reduced, spatial);
}

void MakeGlobalAveragePool(Connections& connections, size_t index) {
  const Graph& graph = connections.graph();
  const Node before = connections.node(index);
  const bool keeps = before.op == "AveragePool" || before.Int("keepdims", 1) != 0;
  const std::string output = before.outputs[0];
  std::string inner = output;
  if (!keeps) {
    inner = connections.FreshName(output + "_pooled");
    Dims pooled = *KnownDims(graph, before.inputs[0]);
    std::fill(pooled.begin() + 2, pooled.end(), 1);
    connections.SetInfo(inner, {graph.Info(output)->type, pooled});
    Node reshape;
    reshape.op = "Reshape";
    reshape.name = before.name;
    reshape.outputs = {output};
    reshape.inputs = {inner,
                      connections.AddInitializer(output + "_shape",
                                                 ReshapeTarget(pooled, *KnownDims(graph, output)))};
    connections.Edit(index, [&](Node& node) { node.outputs = {inner}; });
    connections.InsertAfter(index, std::move(reshape));
  }
  connections.Edit(index, [&](Node& node) {
    node.op = "GlobalAveragePool";
    node.inputs.resize(1);
    node.attributes.clear();
  });
}

/// Resize-18 may name the axes it speaks of; the others keep their size.
void AllResizeAxes(Connections& connections, size_t index) {
  const Graph& graph = connections.graph();
  const Node& node = connections.node(index);
  if (!node.Has("axes") || node.String("keep_aspect_ratio_policy", "stretch") != "stretch") return;
  const auto* x = KnownDims(graph, node.Input(0));
  if (x == nullptr || node.String("coordinate_transformation_mode", "") == "tf_crop_and_resize") {
    return;
  }
  const Dims axes = node.Ints("axes");
  const size_t rank = x->size();
  std::string scales, sizes;
  if (const Tensor* given = graph.Constant(node.Input(2))) {
    std::vector<float> all(rank, 1.0F);
    const std::vector<float> values = given->ToFloats();
    for (size_t i = 0; i < axes.size() && i < values.size(); ++i) {
      all[AxisOf(node, axes[i], rank)] = values[i];
    }
    scales = connections.AddInitializer(node.Label() + "_scales",
                                        Tensor::Of({static_cast<int64_t>(rank)}, std::move(all)));
  } else if (const auto values = ConstantInts(graph, node.Input(3))) {
    Dims all = *x;
    for (size_t i = 0; i < axes.size() && i < values->size(); ++i) {
      all[AxisOf(node, axes[i], rank)] = (*values)[i];
    }
    sizes = connections.AddInitializer(node.Label() + "_sizes",
                                       Tensor::Of({static_cast<int64_t>(rank)}, std::move(all)));
  } else {
    return;
  }
  connections.Edit(index, [&](Node& rewritten) {
    rewritten.inputs = {rewritten.Input(0), "", scales, sizes};
    if (sizes.empty()) rewritten.inputs.pop_back();
    rewritten.attributes.erase("axes");
  });
}

}  // namespace

void CanonicalSpatial(Graph& graph) {
  Connections connections(graph);
  for (size_t i = 0; i < connections.size(); ++i) {
    if (!connections.node(i).domain.empty()) continue;
    connections.Edit(i, [&](Node& node) { ExplicitPads(graph, node); });
    const Node& node = connections.node(i);
    if ((node.op == "AveragePool" && CoversAll(graph, node)) ||
        (node.op == "ReduceMean" && node.layout == Layout::nchw && ReducesSpatial(graph, node))) {
      MakeGlobalAveragePool(connections, i);
    } else if (node.op == "Resize") {
      AllResizeAxes(connections, i);
    }
  }
  connections.Finish();
}

}  // namespace lutra::converter::passes
