#include <algorithm>
#include <utility>

#include "converter/error.h"
#include "converter/executor/conv.h"

namespace lutra::converter::executor {
namespace {

/// Tail padding as it follows from the other sizes; `big` are the dims of the side that is padded.
/// What the last stride leaves over counts as 0, not as a negative pad.
Shape ConvTail(const Window& window, std::span<const int64_t> big, std::span<const int64_t> small) {
  Shape pads;
  for (size_t i = 0; i < big.size(); ++i) {
    const int64_t pad =
        (small[i] - 1) * window.strides[i] + window.Extent(i) - big[i] - window.begin[i];
    pads.push_back(pad < 0 && pad > -window.strides[i] ? 0 : pad);
  }
  return pads;
}

/// Spatial dims of ConvTranspose's result; where 'output_shape' gives them, the pads follow.
Shape TransposedResult(const Node& node, std::span<const int64_t> input, Window& window) {
  const size_t rank = input.size();
  const Shape extra = node.Ints("output_padding", Shape(rank, 0));
  Shape wanted = node.Ints("output_shape");
  for (const Shape* values : {&extra, &std::as_const(wanted)}) {
    for (const int64_t value : *values) {
      if (value < 0 || value > kLargestAxis) {
        throw Error("'output_padding' or 'output_shape' is out of range");
      }
    }
  }
  if (extra.size() != rank) throw Error("'output_padding' has not one value per spatial axis");
  if (wanted.size() > rank) wanted.erase(wanted.begin(), wanted.end() - static_cast<int64_t>(rank));
  if (!wanted.empty() && wanted.size() != rank) {
    throw Error("'output_shape' has not one value per spatial axis");
  }
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  Shape result;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t full = (input[i] - 1) * window.strides[i] + extra[i] + window.Extent(i);
    if (wanted.empty() && !same) {
      result.push_back(full - window.begin[i] - window.end[i]);
      continue;
    }
    result.push_back(wanted.empty() ? input[i] * window.strides[i] : wanted[i]);
    const int64_t total = std::max<int64_t>(full - result.back(), 0);
    window.begin[i] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
    window.end[i] = total - window.begin[i];
  }
  for (const int64_t size : result) {
    if (size < 1) throw Error("the result is empty");
  }
  return result;
}

}  // namespace

GroupedWeights::GroupedWeights(const Shape& weights, int64_t groups, bool transposed) {
  const Shape own = Strides(weights);
  const int64_t per_group = weights[0] / groups;
  dims = {groups, per_group, weights[1]};
  strides = {per_group * own[0], own[0], own[1]};
  if (transposed) {
    std::swap(dims[1], dims[2]);
    std::swap(strides[1], strides[2]);
  }
  dims.insert(dims.end(), weights.begin() + 2, weights.end());
  strides.insert(strides.end(), own.begin() + 2, own.end());
  if (groups == 1) {
    dims.erase(dims.begin());
    strides.erase(strides.begin());
  }
}

dnnl::memory::desc ConvFormat(const Activation& activation, Layout layout) {
  return layout == Layout::nhwc ? onednn::Strided(activation.dims, activation.strides)
                                : onednn::AnyFormat(activation.dims);
}

bool IsTransposedConv(const Node& node) { return node.op == "ConvTranspose"; }

ConvGeometry ConvGeometryOf(const Node& node, const Shape& x_dims, const Shape& weights) {
  const Activation x = ActivationOf(x_dims, node.layout);
  const int64_t groups = node.Int("group", 1);
  const bool transposed = IsTransposedConv(node);
  Window window = WindowOf(node, Shape(weights.begin() + 2, weights.end()), x.Spatial());
  const Shape spatial = transposed ? TransposedResult(node, x.Spatial(), window)
                                   : WindowResult(window, x.Spatial(), false);
  const int64_t channels = transposed ? weights[1] * groups : weights[0];
  const Activation y = MakeActivation(x.Batch(), channels, spatial, node.layout);
  Shape dilations = window.dilations;
  for (int64_t& dilation : dilations) --dilation;
  const Shape tail =
      transposed ? ConvTail(window, spatial, x.Spatial()) : ConvTail(window, x.Spatial(), spatial);
  return {x, y, GroupedWeights(weights, groups, transposed), window, tail, dilations};
}

}  // namespace lutra::converter::executor
