// Conv, Gemm and MatMul with constant weights -> Conv and Linear; MatMul of activations.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/packed_bits.h"
#include "converter/graph/half.h"
#include "converter/lower/lowering.h"
#include "converter/lower/window.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/quantize.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::lowering {
namespace {

template <typename T>
void Append(std::vector<uint8_t>& bytes, const std::vector<T>& values) {
  const auto* data = reinterpret_cast<const uint8_t*>(values.data());
  bytes.insert(bytes.end(), data, data + values.size() * sizeof(T));
}

// The file's form of integers: their lowest `bits` bits as a packed bit string.
std::vector<uint8_t> Packed(const std::vector<int8_t>& values, int bits) {
  const auto width = static_cast<unsigned>(bits);
  std::vector<uint8_t> string(PackedBytes(values.size(), width));
  PackedWriter writer(string.data(), width);
  for (const int8_t value : values) writer.Put(static_cast<uint8_t>(value));
  writer.Finish();
  return string;
}

std::vector<float> RequantMultipliers(const Node& node, const quantize::QuantizedWeights& weights,
                                      const quantize::QuantParams& in,
                                      const quantize::QuantParams& out) {
  std::vector<float> multipliers;
  for (const float scale : weights.scale) {
    multipliers.push_back(
        Multiplier(node, static_cast<double>(in.scale) * static_cast<double>(scale) /
                             static_cast<double>(out.scale)));
  }
  return multipliers;
}

// Of every value the first index that holds it, as bit patterns.
std::vector<int8_t> IndicesOf(const quantize::QuantizedWeights& weights) {
  std::vector<int8_t> indices;
  indices.reserve(weights.values.size());
  for (size_t n = 0; n < weights.n; ++n) {
    const std::span<const int8_t> table = weights.Table(n);
    std::array<int8_t, 256> index_of{};
    for (size_t i = table.size(); i-- > 0;) {
      index_of[static_cast<size_t>(table[i] + 128)] = static_cast<int8_t>(i);
    }
    for (size_t k = 0; k < weights.k; ++k) {
      const int value = weights.values[n * weights.k + k];
      indices.push_back(index_of[static_cast<size_t>(value + 128)]);
    }
  }
  return indices;
}

std::unique_ptr<schema::WeightsT> IntegerWeights(Lowering& lowering, const Node& node) {
  const quantize::Quantization& q = lowering.quantization;
  const quantize::QuantizedWeights& weights = q.weights.at(node.Label());
  auto result = std::make_unique<schema::WeightsT>();
  result->bits = static_cast<uint8_t>(weights.bits);
  result->has_zero_points = !weights.zero_point.empty();
  if (weights.tables.empty()) {
    result->kind = schema::WeightKind::linear;
    result->values = lowering.AddBlob(Packed(weights.values, weights.bits));
  } else {
    result->kind = schema::WeightKind::codebook;
    result->values = lowering.AddBlob(Packed(IndicesOf(weights), weights.bits));
    result->codebook = lowering.AddBlobOf(weights.tables);
    const bool shared = weights.table_channels >= weights.n;
    result->codebook_channels = shared ? 0 : static_cast<uint32_t>(weights.table_channels);
  }
  std::vector<uint8_t> params;
  if (q.IsInteger(node)) {
    const quantize::QuantParams& in = *q.Params(node.inputs[0]);
    Append(params, q.bias.at(node.Label()));
    Append(params, RequantMultipliers(node, weights, in, *q.Params(node.outputs[0])));
  } else {
    Append(params, quantize::FloatBias(lowering.graph, node, q));
    Append(params, weights.scale);
  }
  Append(params, weights.zero_point);
  Append(params, weights.group_scale);
  result->group = static_cast<uint16_t>(weights.group);
  result->params = lowering.AddBlob(params);
  return result;
}

std::unique_ptr<schema::WeightsT> FloatWeights(Lowering& lowering, const Node& node, bool half) {
  const quantize::WeightMatrix matrix = quantize::ReadWeightMatrix(lowering.graph, node);
  auto result = std::make_unique<schema::WeightsT>();
  result->kind = half ? schema::WeightKind::fp16 : schema::WeightKind::fp32;
  if (half) {
    std::vector<uint16_t> bits(matrix.values.size());
    std::ranges::transform(matrix.values, bits.begin(),
                           [](float w) { return ToFloat16(static_cast<double>(w)).bits; });
    result->values = lowering.AddBlobOf(bits);
  } else {
    result->values = lowering.AddBlobOf(matrix.values);
  }
  result->params = lowering.AddBlobOf(matrix.bias);
  return result;
}

template <typename OptionsT>
void SetProduct(Lowering& lowering, const Node& node, OptionsT& options) {
  const bool integer = lowering.quantization.IsInteger(node);
  const quantize::LayerScheme& scheme = lowering.quantization.schemes.at(node.Label());
  const bool dynamic = quantize::IsDynamic(lowering.quantization, node.Label(), *ProductOf(node));
  options.compute = integer   ? schema::Compute::integer
                    : dynamic ? schema::Compute::dynamic
                              : schema::Compute::float_;
  options.weights = lowering.quantization.weights.contains(node.Label())
                        ? IntegerWeights(lowering, node)
                        : FloatWeights(lowering, node, scheme.kind == WeightKind::fp16);
  if (integer) {
    options.int_range = std::make_unique<schema::IntRange>(
        IntRangeOf(node, *lowering.quantization.Params(node.outputs[0])));
  } else if (node.clamp) {
    options.float_range = std::make_unique<schema::FloatRange>(FloatRangeOf(node));
  }
}

void LowerConv(Lowering& lowering, const Node& node) {
  const Shape in = lowering.ShapeOf(node.inputs[0]), out = lowering.ShapeOf(node.outputs[0]);
  const std::vector<int64_t>& dims = lowering.graph.Constant(node.inputs[1])->dims();
  schema::ConvT conv;
  ReadWindow(node, {dims.begin() + 2, dims.end()}, in).CopyTo(conv);
  conv.groups = static_cast<uint32_t>(node.Int("group", 1));
  SetProduct(lowering, node, conv);
  const uint16_t input = lowering.UseFor(node, node.inputs[0], in);
  const uint16_t output = lowering.Define(node.outputs[0], lowering.OutputParams(node), out);
  lowering.Emit(node, std::move(conv), {input}, output);
  lowering.CountOutputChannels(static_cast<size_t>(dims[0]));
}

void LowerLinear(Lowering& lowering, const Node& node) {
  Shape in = lowering.ShapeOf(node.inputs[0]), out = lowering.ShapeOf(node.outputs[0]);
  if (in.size() == 1) {
    in = Lifted(in);
    out = Lifted(out);
  }
  schema::LinearT linear;
  SetProduct(lowering, node, linear);
  const uint16_t input = lowering.UseFor(node, node.inputs[0], in);
  const uint16_t output = lowering.Define(node.outputs[0], lowering.OutputParams(node), out);
  lowering.Emit(node, std::move(linear), {input}, output);
  lowering.CountOutputChannels(static_cast<size_t>(out.back()));
}

// Both operands with the output's rank; batch dimensions broadcast.
void LowerMatMul(Lowering& lowering, const Node& node) {
  Shape a = lowering.ShapeOf(node.inputs[0]), b = lowering.ShapeOf(node.inputs[1]);
  Shape out = lowering.ShapeOf(node.outputs[0]);
  if (a.size() < 2 || b.size() < 2) Fail(node, "MatMul of a vector");
  const bool lift = out.size() == 2 || out[0] != 1;
  while (a.size() < out.size()) a = Lifted(a);
  while (b.size() < out.size()) b = Lifted(b);
  if (lift) {
    a = Lifted(a);
    b = Lifted(b);
    out = Lifted(out);
  }
  const quantize::QuantParams* params = lowering.OutputParams(node);
  schema::MatMulT product;
  product.compute = params ? schema::Compute::integer : schema::Compute::float_;
  const uint16_t left = lowering.UseFor(node, node.inputs[0], a);
  const uint16_t right = lowering.UseFor(node, node.inputs[1], b);
  if (params) {
    product.multiplier = Multiplier(node, static_cast<double>(lowering.tensor(left).scale) *
                                              static_cast<double>(lowering.tensor(right).scale) /
                                              static_cast<double>(params->scale));
  }
  if (!node.clamp) {
    const uint16_t output = lowering.Define(node.outputs[0], params, out);
    lowering.Emit(node, std::move(product), {left, right}, output);
    return;
  }
  const uint16_t unclamped = lowering.Temporary(params, out);
  lowering.Emit(node, std::move(product), {left, right}, unclamped);
  EmitClamp(lowering, node, unclamped, params, out);
}

}  // namespace

void LowerMatrixProduct(Lowering& lowering, const Node& node) {
  const std::string why = quantize::WhyNoWeightMatrix(lowering.graph, node);
  if (!quantize::HasWeights(lowering.graph, node) || !why.empty()) {
    if (!Is(node, kArithmetic)) Fail(node, why.empty() ? "its input is constant" : why);
    LowerMatMul(lowering, node);
  } else if (ProductOf(node)->convolves) {
    LowerConv(lowering, node);
  } else {
    LowerLinear(lowering, node);
  }
}

}  // namespace lutra::converter::lowering
