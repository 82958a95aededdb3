// Conv and ConvTranspose backwards on oneDNN: gradients by the input and by the weights are two
// primitives, kept per input shape once they are asked for; that by the bias is a sum.
#include <optional>
#include <unordered_map>
#include <utility>

#include "converter/executor/conv.h"
#include "converter/executor/strides.h"

namespace lutra::converter::executor {
namespace {

struct ConvBackward {
  using Forward = dnnl::convolution_forward;
  using Data = dnnl::convolution_backward_data;
  using Weights = dnnl::convolution_backward_weights;
  static constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;
};

struct DeconvBackward {
  using Forward = dnnl::deconvolution_forward;
  using Data = dnnl::deconvolution_backward_data;
  using Weights = dnnl::deconvolution_backward_weights;
  static constexpr auto kAlgorithm = dnnl::algorithm::deconvolution_direct;
};

template <typename Primitive>
struct Kept {
  typename Primitive::primitive_desc descriptor;
  Primitive primitive;
};

template <typename Family>
struct KeptGradients {
  ConvGeometry geometry;
  std::optional<Kept<typename Family::Data>> data;
  std::optional<Kept<typename Family::Weights>> weights;
};

template <typename Family, typename Primitive>
Kept<Primitive> MakeBackward(const ConvGeometry& geometry, Layout layout) {
  const Window& window = geometry.window;
  const auto x = ConvFormat(geometry.x, layout), y = ConvFormat(geometry.y, layout);
  const auto weights = onednn::AnyFormat(geometry.weights.dims);
  const dnnl::primitive_attr attr;
  const auto forward = onednn::Describe<typename Family::Forward>(
      attr, dnnl::prop_kind::forward_training, Family::kAlgorithm, x, weights, y, window.strides,
      geometry.dilations, window.begin, geometry.tail);
  auto descriptor = onednn::DescribeBackward<Primitive>(
      forward, attr, Family::kAlgorithm, x, weights, y, window.strides, geometry.dilations,
      window.begin, geometry.tail);
  return {descriptor, Primitive(descriptor)};
}

/// Runs a primitive whose result goes to `result`, described by `desc`, through a reorder if need
/// be.
void ExecuteInto(const dnnl::primitive& primitive, std::unordered_map<int, dnnl::memory> arguments,
                 int argument, const dnnl::memory::desc& wanted, const Tensor& result,
                 const dnnl::memory::desc& desc) {
  const auto user = onednn::View(result, desc);
  const auto to = wanted == desc ? user : dnnl::memory(wanted, onednn::CpuEngine());
  arguments.emplace(argument, to);
  primitive.execute(onednn::Stream(), arguments);
  onednn::Stream().wait();
  if (to != user) onednn::Reorder(to, user);
}

/// Sums over everything but channels. Takes the gradient, so it comes last.
Tensor BiasGradient(const GradientCall& call, const Activation& y) {
  Tensor g = call.Take();
  if (call.node.layout == Layout::nhwc) return SumTo(std::move(g), {y.Channels()});
  return SumTo(g.Reshaped({y.Batch(), y.Channels(), Count(y.Spatial())}), {y.Channels(), 1});
}

template <typename Family>
Tensor DataGradient(const GradientCall& call, KeptGradients<Family>& kept, const dnnl::memory& g) {
  const ConvGeometry& geometry = kept.geometry;
  if (!kept.data) {
    kept.data = MakeBackward<Family, typename Family::Data>(geometry, call.node.layout);
  }
  const auto& descriptor = kept.data->descriptor;
  const auto weights =
      onednn::View(call.Input(1), onednn::Strided(geometry.weights.dims, geometry.weights.strides));
  Tensor result(DataType::float32, call.input_dims[0]);
  ExecuteInto(kept.data->primitive,
              {{DNNL_ARG_DIFF_DST, onednn::Reordered(g, descriptor.diff_dst_desc())},
               {DNNL_ARG_WEIGHTS, onednn::Reordered(weights, descriptor.weights_desc())}},
              DNNL_ARG_DIFF_SRC, descriptor.diff_src_desc(), result,
              onednn::Strided(geometry.x.dims, geometry.x.strides));
  return result;
}

template <typename Family>
Tensor WeightsGradient(const GradientCall& call, KeptGradients<Family>& kept,
                       const dnnl::memory& g) {
  const ConvGeometry& geometry = kept.geometry;
  if (!kept.weights) {
    kept.weights = MakeBackward<Family, typename Family::Weights>(geometry, call.node.layout);
  }
  const auto& descriptor = kept.weights->descriptor;
  const auto x = onednn::View(call.Input(0), onednn::Strided(geometry.x.dims, geometry.x.strides));
  Tensor result(DataType::float32, call.input_dims[1]);
  ExecuteInto(kept.weights->primitive,
              {{DNNL_ARG_DIFF_DST, onednn::Reordered(g, descriptor.diff_dst_desc())},
               {DNNL_ARG_SRC, onednn::Reordered(x, descriptor.src_desc())}},
              DNNL_ARG_DIFF_WEIGHTS, descriptor.diff_weights_desc(), result,
              onednn::Strided(geometry.weights.dims, geometry.weights.strides));
  return result;
}

template <typename Family>
Gradients ConvGradients(const GradientCall& call) {
  const Shape &x = call.input_dims[0], &weights = call.input_dims[1];
  Shape key = x;
  key.insert(key.end(), weights.begin(), weights.end());
  auto& kept = call.cache.Get<KeptGradients<Family>>(key, [&] {
    return KeptGradients<Family>{ConvGeometryOf(call.node, x, weights), {}, {}};
  });
  const Activation& y = kept.geometry.y;
  const auto g = onednn::View(call.Of(), onednn::Strided(y.dims, y.strides));
  Gradients gradients = call.None();
  if (call.Wants(0)) gradients[0] = DataGradient(call, kept, g);
  if (call.Wants(1)) gradients[1] = WeightsGradient(call, kept, g);
  if (call.Wants(2)) gradients[2] = BiasGradient(call, y).Reshaped(call.input_dims[2]);
  return gradients;
}

}  // namespace

Gradients ConvGradient(const GradientCall& call) { return ConvGradients<ConvBackward>(call); }

Gradients ConvTransposeGradient(const GradientCall& call) {
  return ConvGradients<DeconvBackward>(call);
}

}  // namespace lutra::converter::executor
