// y = scale[c] * x + shift[c] behind a Conv, ConvTranspose or Gemm goes into its weights and bias,
// computed in float64. A BatchNormalization with no such operator before it becomes a depthwise
// 1x1 convolution, which the integer kernels execute with a scale per channel.
#include <cmath>
#include <utility>

#include "converter/graph/check_finite.h"
#include "converter/graph/product.h"
#include "converter/passes/connections.h"
#include "converter/passes/expansion.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

struct Affine {
  std::vector<double> scale, shift;  // per output channel
};

std::vector<double> ToDoubles(const Tensor& tensor) {
  const std::vector<float> values = tensor.ToFloats();
  return {values.begin(), values.end()};
}

/// The constant as one number per channel, if it broadcasts along channel axis `axis` of `rank`
/// dimensions and nothing else.
std::optional<std::vector<double>> PerChannel(const Tensor& constant, size_t rank, size_t axis,
                                              size_t channels) {
  if (constant.type() != DataType::float32 || constant.rank() > rank) return std::nullopt;
  const std::vector<double> values = ToDoubles(constant);
  if (values.size() == 1) return std::vector<double>(channels, values[0]);
  const size_t lead = rank - constant.rank();
  if (values.size() != channels || axis < lead ||
      constant.dims()[axis - lead] != static_cast<int64_t>(channels)) {
    return std::nullopt;
  }
  return values;
}

std::optional<Affine> BatchNormAffine(const Graph& graph, const Node& node) {
  const Tensor* parameters[4];
  for (size_t i = 0; i < 4; ++i) {
    parameters[i] = graph.Constant(node.Input(i + 1));
    if (parameters[i] == nullptr || parameters[i]->elements() != parameters[0]->elements()) {
      return std::nullopt;
    }
  }
  CheckBatchNorm(graph, node);
  Affine affine{ToDoubles(*parameters[0]), ToDoubles(*parameters[1])};
  const std::vector<double> mean = ToDoubles(*parameters[2]), variance = ToDoubles(*parameters[3]);
  const double epsilon = static_cast<double>(node.Float("epsilon", 1e-5F));
  for (size_t c = 0; c < mean.size(); ++c) {
    affine.scale[c] /= std::sqrt(variance[c] + epsilon);
    affine.shift[c] -= mean[c] * affine.scale[c];
  }
  return affine;
}

/// Of Mul, Div, Add, Sub between `value` and a constant.
std::optional<Affine> BinaryAffine(const Graph& graph, const Node& node, const std::string& value,
                                   size_t axis, size_t channels) {
  const auto* dims = KnownDims(graph, value);
  const bool first = node.Input(0) == value;
  const Tensor* constant = graph.Constant(node.Input(first ? 1 : 0));
  if (dims == nullptr || constant == nullptr || node.inputs.size() != 2) return std::nullopt;
  const auto values = PerChannel(*constant, dims->size(), axis, channels);
  if (!values) return std::nullopt;
  Affine affine{std::vector<double>(channels, 1.0), std::vector<double>(channels, 0.0)};
  if (node.op == "Mul") {
    affine.scale = *values;
  } else if (node.op == "Div" && first) {
    for (size_t c = 0; c < channels; ++c) affine.scale[c] = 1 / (*values)[c];
  } else if (node.op == "Add") {
    affine.shift = *values;
  } else if (node.op == "Sub") {
    for (size_t c = 0; c < channels; ++c) {
      affine.scale[c] = first ? 1 : -1;
      affine.shift[c] = first ? -(*values)[c] : (*values)[c];
    }
  } else {
    return std::nullopt;
  }
  for (const double scale : affine.scale) {
    if (!std::isfinite(scale)) return std::nullopt;
  }
  return affine;
}

/// How the weights of a producer map to its output channels: element i belongs to channel
/// (i / inner) % per_group + i / group * per_group.
struct ChannelMap {
  size_t channels, inner, per_group, group;
  size_t operator()(size_t i) const { return (i / inner) % per_group + i / group * per_group; }
};

std::optional<ChannelMap> MapChannels(const Graph& graph, const Node& node) {
  const Tensor* weights = graph.Constant(node.Input(1));
  if (weights == nullptr || weights->type() != DataType::float32 || weights->rank() < 2 ||
      weights->elements() == 0) {
    return std::nullopt;
  }
  const Dims& dims = weights->dims();
  const size_t all = weights->elements();
  const auto first = static_cast<size_t>(dims[0]), second = static_cast<size_t>(dims[1]);
  if (node.op == "Conv") return ChannelMap{first, all / first, first, all};
  if (node.op == "ConvTranspose") {
    const auto groups = static_cast<size_t>(node.Int("group", 1));
    if (groups == 0 || first % groups != 0) return std::nullopt;
    return ChannelMap{second * groups, all / first / second, second, all / groups};
  }
  if (node.op == "Gemm" && node.Int("transA", 0) == 0) {
    if (node.Int("transB", 0) != 0) return ChannelMap{first, second, first, all};
    return ChannelMap{second, 1, second, all};
  }
  return std::nullopt;
}

/// The bias as one number per channel; none when it is computed or of another form.
std::optional<std::vector<double>> ReadBias(const Graph& graph, const Node& node, size_t channels) {
  if (node.Input(2).empty()) return std::vector<double>(channels, 0.0);
  const Tensor* bias = graph.Constant(node.Input(2));
  if (bias == nullptr) return std::nullopt;
  const size_t rank = node.op == "Gemm" ? 2 : 1;
  return PerChannel(*bias, rank, rank - 1, channels);
}

Tensor ToTensor(Dims dims, const std::vector<double>& values) {
  return Tensor::Of(std::move(dims), std::vector<float>(values.begin(), values.end()));
}

bool FoldInto(Connections& connections, size_t producer, const ChannelMap& map,
              const Affine& affine, const std::string& stem) {
  const Graph& graph = connections.graph();
  const Node& node = connections.node(producer);
  auto bias = ReadBias(graph, node, map.channels);
  if (!bias) return false;
  const Product product = ProductOf(node).value_or(Product());
  const auto alpha = static_cast<double>(product.alpha), beta = static_cast<double>(product.beta);
  const Tensor& weights = *graph.Constant(node.inputs[1]);
  std::vector<double> scaled = ToDoubles(weights);
  for (size_t i = 0; i < scaled.size(); ++i) scaled[i] *= alpha * affine.scale[map(i)];
  for (size_t c = 0; c < map.channels; ++c) {
    (*bias)[c] = (*bias)[c] * beta * affine.scale[c] + affine.shift[c];
  }
  // What was two finite numbers may be one that float32 cannot hold; then they stay apart.
  const Tensor folded_weights = ToTensor(weights.dims(), scaled);
  const Tensor folded_bias = ToTensor({static_cast<int64_t>(map.channels)}, *bias);
  if (FirstNotFinite(folded_weights) || FirstNotFinite(folded_bias)) return false;
  const std::string old_weights = node.inputs[1];
  const std::string new_weights = connections.AddInitializer(stem + "_weights", folded_weights);
  const std::string new_bias = connections.AddInitializer(stem + "_bias", folded_bias);
  connections.Edit(producer, [&](Node& folded) {
    folded.inputs = {folded.inputs[0], new_weights, new_bias};
    folded.attributes.erase("alpha");
    folded.attributes.erase("beta");
  });
  connections.DropUnread(old_weights);
  return true;
}

/// Folds node `index` into the operator before it; false when that is not possible.
bool FoldBackwards(Connections& connections, size_t index) {
  const Graph& graph = connections.graph();
  const Node node = connections.node(index);
  for (const std::string& value : node.inputs) {
    const std::optional<size_t> producer = connections.Producer(value);
    if (!producer || connections.node(*producer).clamp ||
        !connections.node(*producer).domain.empty()) {
      continue;
    }
    if (!connections.OnlyConsumer(value)) continue;
    const auto map = MapChannels(graph, connections.node(*producer));
    if (!map) continue;
    const auto affine = node.op == "BatchNormalization"
                            ? BatchNormAffine(graph, node)
                            : BinaryAffine(graph, node, value, 1, map->channels);
    if (!affine || affine->scale.size() != map->channels) continue;
    if (!FoldInto(connections, *producer, *map, *affine, node.outputs[0])) continue;
    connections.Remove(index);
    connections.Edit(*producer, [&](Node& folded) {
      folded.outputs[0] = node.outputs[0];
      folded.name = node.name;
      folded.clamp = node.clamp;
    });
    return true;
  }
  return false;
}

/// A depthwise 1x1 Conv; where there are not one or two spatial dimensions, on [N, C, rest].
void MakeDepthwise(Connections& connections, size_t index) {
  const Graph& graph = connections.graph();
  const Node& node = connections.node(index);
  const auto* known = KnownDims(graph, node.Input(0));
  const auto affine = BatchNormAffine(graph, node);
  if (known == nullptr || !affine || known->size() < 2 || ElementCount(*known) == 0) return;
  const Dims dims = *known;
  const auto channels = static_cast<int64_t>(affine->scale.size());
  const bool image = dims.size() == 3 || dims.size() == 4;
  const Dims flat = {dims[0], channels,
                     static_cast<int64_t>(ElementCount(dims)) / dims[0] / channels};
  const size_t spatial = image ? dims.size() - 2 : 1;
  Dims weights(spatial + 2, 1);
  weights[0] = channels;
  Expansion expansion(connections, index);
  std::string value = node.Input(0);
  if (!image) value = expansion.Reshape(value, dims, flat);
  const std::string stem = node.Label();
  const std::string scale =
      connections.AddInitializer(stem + "_weights", ToTensor(weights, affine->scale));
  const std::string shift =
      connections.AddInitializer(stem + "_bias", ToTensor({channels}, affine->shift));
  value = expansion.Add("Conv", {value, scale, shift},
                        {{"group", channels}, {"kernel_shape", Dims(spatial, 1)}});
  if (!image) expansion.Reshape(value, flat, dims);
  expansion.Finish();
}

bool IsAffine(const Node& node) {
  return node.domain.empty() && (node.op == "BatchNormalization" || node.op == "Mul" ||
                                 node.op == "Div" || node.op == "Add" || node.op == "Sub");
}

}  // namespace

void FoldBatchNorm(Graph& graph) {
  Connections connections(graph);
  const size_t before = connections.size();
  for (size_t i = 0; i < connections.size(); ++i) {
    const Node& node = connections.node(i);
    if (IsAffine(node) && FoldBackwards(connections, i)) continue;
    if (node.op == "BatchNormalization" && node.layout == Layout::nchw) {
      MakeDepthwise(connections, i);
    }
  }
  const bool grew = connections.size() > before;
  connections.Finish();
  if (grew) InferShapes(graph);
}

}  // namespace lutra::converter::passes
