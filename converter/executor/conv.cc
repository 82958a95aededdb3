// Conv and ConvTranspose of one to three spatial axes on oneDNN, in NCHW or NHWC. The primitive,
// and the weights in its favourite format where they are constant, are kept per input shape.
#include "converter/executor/conv.h"

#include <optional>
#include <unordered_map>
#include <utility>

namespace lutra::converter::executor {
namespace {

template <typename Primitive>
struct Prepared {
  typename Primitive::primitive_desc descriptor;
  Primitive primitive;
  std::optional<dnnl::memory> weights;  ///< reordered, when constant
  ConvGeometry geometry;
};

std::string WhyNotConv(const Node& node) {
  for (const int64_t pad : node.Ints("pads")) {
    if (pad < 0) return "negative pads are not implemented";
  }
  return "";
}

template <typename Primitive>
Prepared<Primitive> Prepare(const Call& call, dnnl::algorithm algorithm) {
  ConvGeometry geometry = ConvGeometryOf(call.node, call.Input(0).dims(), call.Input(1).dims());
  const Window& window = geometry.window;
  const auto src = ConvFormat(geometry.x, call.node.layout);
  const auto dst = ConvFormat(geometry.y, call.node.layout);
  const auto weights = onednn::AnyFormat(geometry.weights.dims);
  const auto kind = dnnl::prop_kind::forward_inference;
  // The node's clamp is not fused into the primitive, whose maximum makes a number of NaN.
  const dnnl::primitive_attr attr;
  if (call.Optional(2) != nullptr) {
    const auto bias = onednn::Strided({geometry.y.Channels()}, {1});
    auto descriptor =
        onednn::Describe<Primitive>(attr, kind, algorithm, src, weights, bias, dst, window.strides,
                                    geometry.dilations, window.begin, geometry.tail);
    return {descriptor, Primitive(descriptor), std::nullopt, std::move(geometry)};
  }
  auto descriptor =
      onednn::Describe<Primitive>(attr, kind, algorithm, src, weights, dst, window.strides,
                                  geometry.dilations, window.begin, geometry.tail);
  return {descriptor, Primitive(descriptor), std::nullopt, std::move(geometry)};
}

template <typename Primitive>
Tensor RunPrepared(const Call& call, Prepared<Primitive>& prepared) {
  const Tensor& weights = call.Input(1);
  const auto& descriptor = prepared.descriptor;
  const ConvGeometry& geometry = prepared.geometry;
  const GroupedWeights& grouped = geometry.weights;
  const auto user_weights = onednn::View(weights, onednn::Strided(grouped.dims, grouped.strides));
  if (call.IsConstant(1) && !prepared.weights) {
    prepared.weights = onednn::Reordered(user_weights, descriptor.weights_desc());
  }
  Tensor y(DataType::float32, geometry.y.Stored(call.node.layout));
  const auto user_x =
      onednn::View(call.Input(0), onednn::Strided(geometry.x.dims, geometry.x.strides));
  const auto user_y = onednn::View(y, onednn::Strided(geometry.y.dims, geometry.y.strides));
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
                      onednn::View(*bias, onednn::Strided({geometry.y.Channels()}, {1})));
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

/// Throws Error when weights, bias and input do not fit each other.
void CheckWeights(const Call& call) {
  const bool transposed = IsTransposedConv(call.node);
  const int64_t channels = ActivationOf(call.Input(0), call.node.layout).Channels();
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
}

template <typename Primitive>
Results Convolve(const Call& call, dnnl::algorithm algorithm) {
  CheckWeights(call);
  auto& prepared = call.cache.Get<Prepared<Primitive>>(
      CacheKey(call), [&] { return Prepare<Primitive>(call, algorithm); });
  return {RunPrepared(call, prepared)};
}

Results Conv(const Call& call) {
  return Convolve<dnnl::convolution_forward>(call, dnnl::algorithm::convolution_direct);
}

Results ConvTranspose(const Call& call) {
  return Convolve<dnnl::deconvolution_forward>(call, dnnl::algorithm::deconvolution_direct);
}

constexpr Operator kConvOperators[] = {
    Trainable({"Conv", Conv, Precision::single, WhyNotConv},
              {.run = ConvGradient, .reads_inputs = true}),
    Trainable({"ConvTranspose", ConvTranspose, Precision::single, WhyNotConv},
              {.run = ConvTransposeGradient, .reads_inputs = true}),
};

}  // namespace

OperatorRows ConvOperators() { return kConvOperators; }

}  // namespace lutra::converter::executor
