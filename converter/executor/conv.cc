// Conv and ConvTranspose of one to three spatial axes on oneDNN, in NCHW or NHWC. The primitive,
// and the weights in its favourite format where they are constant, are kept per input shape.
#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "converter/executor/dnnl_adapter.h"
#include "converter/executor/operator.h"
#include "converter/executor/spatial.h"

namespace lutra::converter::executor {
namespace {

using onednn::Dims;

template <typename Primitive>
struct Prepared {
  typename Primitive::primitive_desc descriptor;
  Primitive primitive;
  std::optional<dnnl::memory> weights;  ///< reordered, when constant
  Activation x, y;
};

std::string WhyNotConv(const Node& node) {
  for (const int64_t pad : node.Ints("pads")) {
    if (pad < 0) return "negative pads are not implemented";
  }
  return "";
}

/// Dims and strides of [groups, O, I, kernel...] (without groups when there is one) in ONNX's
/// [O, I/groups, kernel...] (Conv) or [I, O/groups, kernel...] (ConvTranspose).
struct GroupedWeights {
  GroupedWeights(const Shape& weights, int64_t groups, bool transposed) {
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
  Dims dims, strides;
};

Dims Minus1(const Shape& dilations) {
  Dims result;
  for (const int64_t dilation : dilations) result.push_back(dilation - 1);
  return result;
}

/// NHWC stays as it is. NCHW is slow to compute on: the primitive chooses, for a reorder each way.
dnnl::memory::desc Wanted(const Activation& activation, Layout layout) {
  return layout == Layout::nhwc ? onednn::Strided(activation.dims, activation.strides)
                                : onednn::AnyFormat(activation.dims);
}

/// Tail padding as it follows from the other sizes; `big` are the dims of the side that is padded.
/// What the last stride leaves over counts as 0, not as a negative pad.
Dims TailPads(const Window& window, std::span<const int64_t> big, std::span<const int64_t> small) {
  Dims pads;
  for (size_t i = 0; i < big.size(); ++i) {
    const int64_t pad =
        (small[i] - 1) * window.strides[i] + window.Extent(i) - big[i] - window.begin[i];
    pads.push_back(pad < 0 && pad > -window.strides[i] ? 0 : pad);
  }
  return pads;
}

template <typename Primitive>
Prepared<Primitive> Prepare(const Call& call, dnnl::algorithm algorithm, const Activation& x,
                            const Activation& y, const Window& window, const Dims& tail,
                            const Dims& weights) {
  const Layout layout = call.node.layout;
  const auto src = Wanted(x, layout), dst = Wanted(y, layout), w = onednn::AnyFormat(weights);
  const Dims dilates = Minus1(window.dilations);
  const auto kind = dnnl::prop_kind::forward_inference;
  // The node's clamp is not fused into the primitive, whose maximum makes a number of NaN.
  const dnnl::primitive_attr attr;
  if (call.Optional(2) != nullptr) {
    const auto bias = onednn::Strided({y.Channels()}, {1});
    auto descriptor = onednn::Describe<Primitive>(attr, kind, algorithm, src, w, bias, dst,
                                                  window.strides, dilates, window.begin, tail);
    return {descriptor, Primitive(descriptor), std::nullopt, x, y};
  }
  auto descriptor = onednn::Describe<Primitive>(attr, kind, algorithm, src, w, dst, window.strides,
                                                dilates, window.begin, tail);
  return {descriptor, Primitive(descriptor), std::nullopt, x, y};
}

template <typename Primitive>
Tensor RunPrepared(const Call& call, Prepared<Primitive>& prepared, const GroupedWeights& grouped) {
  const Tensor& weights = call.Input(1);
  const auto& descriptor = prepared.descriptor;
  const auto user_weights = onednn::View(weights, onednn::Strided(grouped.dims, grouped.strides));
  if (call.IsConstant(1) && !prepared.weights) {
    prepared.weights = onednn::Reordered(user_weights, descriptor.weights_desc());
  }
  Tensor y(DataType::float32, prepared.y.Stored(call.node.layout));
  const auto user_x =
      onednn::View(call.Input(0), onednn::Strided(prepared.x.dims, prepared.x.strides));
  const auto user_y = onednn::View(y, onednn::Strided(prepared.y.dims, prepared.y.strides));
  const bool in_place = descriptor.dst_desc() == user_y.get_desc();
  const auto dst = in_place ? user_y : dnnl::memory(descriptor.dst_desc(), onednn::CpuEngine());
  std::unordered_map<int, dnnl::memory> arguments = {
      {DNNL_ARG_SRC, onednn::Reordered(user_x, descriptor.src_desc())},
      {DNNL_ARG_WEIGHTS, prepared.weights
                             ? *prepared.weights
                             : onednn::Reordered(user_weights, descriptor.weights_desc())},
      {DNNL_ARG_DST, dst}};
  if (const Tensor* bias = call.Optional(2)) {
    arguments.emplace(DNNL_ARG_BIAS,
                      onednn::View(*bias, onednn::Strided({prepared.y.Channels()}, {1})));
  }
  prepared.primitive.execute(onednn::Stream(), arguments);
  onednn::Stream().wait();
  if (!in_place) onednn::Reorder(dst, user_y);
  return y;
}

/// Shapes of everything that a prepared primitive depends on.
Shape CacheKey(const Call& call) {
  Shape key = call.Input(0).dims();
  const Shape& weights = call.Input(1).dims();
  key.insert(key.end(), weights.begin(), weights.end());
  return key;
}

int64_t CheckedGroups(const Call& call, int64_t channels, bool transposed) {
  const Shape& weights = call.Input(1).dims();
  const int64_t groups = call.node.Int("group", 1);
  if (weights.size() != call.Input(0).rank() || groups < 1 || weights[0] % groups != 0 ||
      (transposed ? weights[0] : weights[1] * groups) != channels) {
    throw Error("weights of " + DimsText(weights) + " and group " + std::to_string(groups) +
                " do not fit an input of " + std::to_string(channels) + " channels and " +
                std::to_string(call.Input(0).rank()) + " axes");
  }
  const Tensor* bias = call.Optional(2);
  const int64_t outputs = transposed ? weights[1] * groups : weights[0];
  if (bias != nullptr && static_cast<int64_t>(bias->elements()) != outputs) {
    throw Error("the bias has not one element per output channel");
  }
  if (call.Input(0).elements() == 0 || call.Input(1).elements() == 0) {
    throw Error("the input or the weights are empty");
  }
  return groups;
}

Results Conv(const Call& call) {
  const Activation x = ActivationOf(call.Input(0), call.node.layout);
  const int64_t groups = CheckedGroups(call, x.Channels(), false);
  const Shape& weights = call.Input(1).dims();
  const GroupedWeights grouped(weights, groups, false);
  auto& prepared = call.cache.Get<Prepared<dnnl::convolution_forward>>(CacheKey(call), [&] {
    const Window window =
        WindowOf(call.node, Shape(weights.begin() + 2, weights.end()), x.Spatial());
    const Shape spatial = WindowResult(window, x.Spatial(), false);
    const Activation y = MakeActivation(x.Batch(), weights[0], spatial, call.node.layout);
    return Prepare<dnnl::convolution_forward>(call, dnnl::algorithm::convolution_direct, x, y,
                                              window, TailPads(window, x.Spatial(), spatial),
                                              grouped.dims);
  });
  return {RunPrepared(call, prepared, grouped)};
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

Results ConvTranspose(const Call& call) {
  const Activation x = ActivationOf(call.Input(0), call.node.layout);
  const int64_t groups = CheckedGroups(call, x.Channels(), true);
  const Shape& weights = call.Input(1).dims();
  const GroupedWeights grouped(weights, groups, true);
  auto& prepared = call.cache.Get<Prepared<dnnl::deconvolution_forward>>(CacheKey(call), [&] {
    Window window = WindowOf(call.node, Shape(weights.begin() + 2, weights.end()), x.Spatial());
    const Shape spatial = TransposedResult(call.node, x.Spatial(), window);
    const Activation y = MakeActivation(x.Batch(), weights[1] * groups, spatial, call.node.layout);
    return Prepare<dnnl::deconvolution_forward>(call, dnnl::algorithm::deconvolution_direct, x, y,
                                                window, TailPads(window, spatial, x.Spatial()),
                                                grouped.dims);
  });
  return {RunPrepared(call, prepared, grouped)};
}

constexpr Operator kConvOperators[] = {
    {"Conv", Conv, Precision::single, WhyNotConv},
    {"ConvTranspose", ConvTranspose, Precision::single, WhyNotConv},
};

}  // namespace

OperatorRows ConvOperators() { return kConvOperators; }

}  // namespace lutra::converter::executor
