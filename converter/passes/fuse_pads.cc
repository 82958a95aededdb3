// Pad -> the pads attribute of the window operator behind it, where that means the same: zeros
// before Conv or an AveragePool that counts padding; before MaxPool minus infinity, or a number
// that no value falls below (zeros behind Relu), as then it never decides a maximum.
#include <algorithm>
#include <limits>

#include "converter/passes/connections.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

struct SpatialPad {
  Dims pads;  // as in the pads attribute
  float value;
};

bool IsZero(int64_t amount) { return amount == 0; }

/// None when the Pad does anything else than to surround an image with one number.
std::optional<SpatialPad> ReadPad(const Graph& graph, const Node& pad) {
  if (pad.String("mode", "constant") != "constant" || !pad.Input(3).empty()) return std::nullopt;
  const std::optional<float> value =
      pad.Input(2).empty() ? 0.0F : ScalarConstant(graph, pad.Input(2));
  const auto all = ConstantInts(graph, pad.Input(1));
  if (!value || !all || all->size() % 2 != 0 || all->size() < 6) return std::nullopt;
  if (std::ranges::any_of(*all, [](int64_t amount) { return amount < 0; })) return std::nullopt;
  const size_t rank = all->size() / 2;
  SpatialPad result{{}, *value};
  for (size_t i = 0; i < all->size(); ++i) {
    if (i % rank >= 2) {
      result.pads.push_back((*all)[i]);
    } else if ((*all)[i] != 0) {
      return std::nullopt;
    }
  }
  return result;
}

/// A number that the value is never below.
float LowerBound(const Connections& connections, std::string value) {
  constexpr float kLowest = std::numeric_limits<float>::lowest();  // frameworks' minus infinity
  while (true) {
    const std::optional<size_t> producer = connections.Producer(value);
    if (!producer) return kLowest;
    const Node& node = connections.node(*producer);
    if (node.clamp) return std::max(node.clamp->lo, kLowest);
    if (!node.domain.empty()) return kLowest;
    if (node.op == "Relu" || node.op == "Sigmoid" || node.op == "Abs") return 0;
    if (node.op == "Clip") {
      return ScalarConstant(connections.graph(), node.Input(1)).value_or(kLowest);
    }
    if (node.op != "MaxPool" || node.outputs[0] != value) return kLowest;
    value = node.inputs[0];
  }
}

/// Every window of a pool must keep a tap on the image, where ONNX's pads are defined.
bool LeavesEveryWindowATap(const Node& pool, const Dims& own, const Dims& added) {
  const Dims kernel = pool.Ints("kernel_shape");
  if (2 * kernel.size() != own.size()) return false;
  for (const int64_t dilation : pool.Ints("dilations")) {
    if (dilation != 1) return false;
  }
  for (size_t i = 0; i < own.size(); ++i) {
    if (own[i] + added[i] >= kernel[i % kernel.size()]) return false;
  }
  return true;
}

bool MeansTheSame(const Connections& connections, const Node& node, const Dims& own,
                  const Node& pad, const SpatialPad& added) {
  if (!node.domain.empty() || node.layout != Layout::nchw || own.size() != added.pads.size()) {
    return false;
  }
  if (node.String("auto_pad", "NOTSET") != "NOTSET") return false;
  if (node.op == "Conv") return added.value == 0;
  if (node.Int("ceil_mode", 0) != 0) return false;
  if (node.op == "AveragePool") {
    return added.value == 0 && LeavesEveryWindowATap(node, own, added.pads) &&
           (node.Int("count_include_pad", 0) != 0 || std::ranges::all_of(own, IsZero));
  }
  // Indices count the padding too.
  return node.op == "MaxPool" && node.outputs.size() == 1 &&
         added.value <= LowerBound(connections, pad.inputs[0]) &&
         LeavesEveryWindowATap(node, own, added.pads);
}

}  // namespace

void FusePads(Graph& graph) {
  Connections connections(graph);
  for (size_t i = 0; i < connections.size(); ++i) {
    const Node& node = connections.node(i);
    const std::optional<size_t> producer = connections.Producer(node.Input(0));
    if (!producer || connections.node(*producer).op != "Pad") continue;
    const Node& pad = connections.node(*producer);
    const auto added = ReadPad(graph, pad);
    if (!added) continue;
    Dims pads = node.Ints("pads", Dims(added->pads.size(), 0));
    if (!MeansTheSame(connections, node, pads, pad, *added)) continue;
    for (size_t k = 0; k < pads.size(); ++k) pads[k] += added->pads[k];
    const std::string input = pad.inputs[0];
    connections.Edit(i, [&](Node& fused) {
      fused.attributes["pads"] = pads;
      if (fused.op == "AveragePool") fused.attributes["count_include_pad"] = int64_t{1};
      fused.inputs[0] = input;  // the Pad dies if nothing else reads it
    });
  }
  connections.Finish();
}

}  // namespace lutra::converter::passes
