#include "converter/budget/weight_store.h"

#include "converter/coding/encode_model.h"
#include "converter/lower/lower.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/recipe.h"

namespace lutra::converter::budget {
namespace {

// Weights beyond are quantized again whenever they are needed.
constexpr size_t kMostKeptBytes = size_t{1} << 28;

// The network of one layer.
Graph Alone(const Graph& graph, const Node& node) {
  Graph alone;
  alone.nodes = {node};
  alone.inputs = quantize::ActivationInputs(graph, node);
  alone.outputs = {node.Label()};
  for (const std::string& input : node.inputs) {
    if (const Tensor* constant = graph.Constant(input)) alone.initializers[input] = *constant;
  }
  for (const auto* names : {&alone.inputs, &alone.outputs}) {
    for (const std::string& name : *names) {
      if (const ValueInfo* info = graph.Info(name)) alone.values[name] = *info;
    }
  }
  return alone;
}

}  // namespace

WeightStore::Weights WeightStore::Get(const Node& node, const quantize::LayerScheme& scheme) {
  const auto key = std::tuple(node.Label(), WeightsText(scheme), scheme.sparsity);
  if (const auto found = kept_.find(key); found != kept_.end()) return found->second;
  const auto moments = calibration_.moments.find(node.Label());
  auto weights = std::make_shared<const quantize::LayerWeights>(
      quantize::QuantizeLayer(graph_, node, scheme, calibration_.quantization,
                              moments == calibration_.moments.end() ? nullptr : &moments->second));
  const size_t bytes = weights->weights.values.size();
  if (kept_bytes_ + bytes <= kMostKeptBytes) {
    kept_bytes_ += bytes;
    kept_[key] = weights;
  }
  return weights;
}

uint64_t WeightStore::Bytes(const Node& node, const quantize::LayerScheme& scheme) {
  const std::string& label = node.Label();
  const Weights weights = Get(node, scheme);
  quantize::Quantization quantization;
  quantization.schemes[label] = scheme;
  quantization.weights[label] = weights->weights;
  if (calibration_.quantization.IsInteger(node)) {
    quantization.integer_nodes.insert(label);
    quantization.bias[label] = weights->bias;
    const quantize::Quantization& formats = calibration_.quantization;
    quantization.activations[node.inputs[0]] = *formats.Params(node.inputs[0]);
    // (Alone it has no tail, whose size no scheme changes.)
    quantization.activations[node.outputs[0]] = *formats.Params(formats.Rounded(node));
  }
  lowering::LoweredModel lowered = lowering::Lower(Alone(graph_, node), quantization, {});
  encoding::EncodeModel(&lowered.writer, codec_);
  return lowered.writer.Finish().size();
}

quantize::Quantization WeightStore::Assemble(const Schemes& schemes) {
  quantize::Quantization quantization = calibration_.quantization;
  quantization.schemes = schemes;
  for (const Node& node : graph_.nodes) {
    const std::string& label = node.Label();
    const quantize::LayerScheme& scheme = schemes.at(label);
    if (!quantize::HasIntegerWeights(graph_, node, scheme)) continue;
    const Weights weights = Get(node, scheme);
    quantization.weights[label] = weights->weights;
    if (quantization.IsInteger(node)) quantization.bias[label] = weights->bias;
    if (!weights->float_bias.empty()) quantization.float_bias[label] = weights->float_bias;
  }
  return quantization;
}

}  // namespace lutra::converter::budget
