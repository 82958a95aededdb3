// Pad in every mode: each axis gets a map from result index to input index (-1: the constant).
// Negative pads crop, before anything is repeated.
#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "converter/executor/gradient.h"
#include "converter/executor/strides.h"

namespace lutra::converter::executor {
namespace {

enum class PadMode : uint8_t { constant, edge, reflect, wrap };

std::string WhyNotPad(const Node& node) {
  const std::string mode = node.String("mode", "constant");
  const bool known = mode == "constant" || mode == "edge" || mode == "reflect" || mode == "wrap";
  return known ? "" : "mode '" + mode + "' is unknown";
}

PadMode ModeOf(const Node& node) {
  const std::string mode = node.String("mode", "constant");
  if (mode == "edge") return PadMode::edge;
  if (mode == "reflect") return PadMode::reflect;
  return mode == "wrap" ? PadMode::wrap : PadMode::constant;
}

/// Of an axis of n elements.
int64_t SourceIndex(int64_t i, int64_t n, PadMode mode) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case PadMode::constant:
      return -1;
    case PadMode::edge:
      return std::clamp<int64_t>(i, 0, n - 1);
    case PadMode::wrap:
      return (i % n + n) % n;
    case PadMode::reflect:
      break;
  }
  // Without repeating the edge: a period of 2(n - 1).
  if (n == 1) return 0;
  const int64_t period = 2 * (n - 1), phase = (i % period + period) % period;
  return std::min(phase, period - phase);
}

/// Where each position of the result comes from, by axis; `pads` are [begin..., end...], `given`
/// (null: all) the axes that they are for.
std::vector<Shape> PadMaps(const Node& node, const Shape& x_dims, const Shape& pads,
                           const Tensor* given) {
  const size_t rank = x_dims.size();
  std::vector<size_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (given != nullptr) axes = Axes(given->ToInts(), rank);
  if (pads.size() != 2 * axes.size()) throw Error("two pads per axis are needed");
  Shape begin(rank, 0), end(rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    begin[axes[i]] = pads[i];
    end[axes[i]] = pads[axes.size() + i];
  }
  const PadMode mode = ModeOf(node);
  Shape dims = x_dims;
  for (size_t axis = 0; axis < rank; ++axis) {
    const int64_t larger = std::max(std::abs(begin[axis] / 2), std::abs(end[axis] / 2));
    if (larger > kLargestAxis) throw Error("a pad is out of range");
    dims[axis] = std::max<int64_t>(dims[axis] + begin[axis] + end[axis], 0);
  }
  CheckResult(dims);
  std::vector<Shape> maps(rank);
  for (size_t axis = 0; axis < rank; ++axis) {
    int64_t first = 0, n = x_dims[axis];
    if (mode != PadMode::constant) {
      first = std::max<int64_t>(-begin[axis], 0);
      n += std::min<int64_t>(begin[axis], 0) + std::min<int64_t>(end[axis], 0);
      if (n <= 0 && dims[axis] > 0) {
        throw Error("an empty axis can only be padded with a constant");
      }
    }
    for (int64_t i = 0; i < dims[axis]; ++i) {
      const int64_t index = SourceIndex(i - begin[axis] - first, n, mode);
      maps[axis].push_back(index < 0 ? -1 : index + first);
    }
  }
  return maps;
}

/// Inputs: x, pads, value (0), axes (all).
Results Pad(const Call& call) {
  const Tensor& x = call.Input(0);
  const std::vector<Shape> maps =
      PadMaps(call.node, x.dims(), call.Input(1).ToInts(), call.Optional(3));
  const Tensor* value = call.Optional(2);
  if (value != nullptr && value->elements() == 0) value = nullptr;
  return {SelectAxes(x, maps, value)};
}

Gradients PadGradient(const GradientCall& call) {
  const Shape& dims = call.input_dims[0];
  Gradients gradients = call.None();
  gradients[0] = SumSelected(
      call.Of(), PadMaps(call.node, dims, call.Input(1).ToInts(), call.Optional(3)), dims);
  return gradients;
}

constexpr Operator kPadOperators[] = {
    Trainable({"Pad", Pad, Precision::any, WhyNotPad}, {.run = PadGradient}),
};

}  // namespace

OperatorRows PadOperators() { return kPadOperators; }

}  // namespace lutra::converter::executor
