// Conv, Gemm and MatMul with constant weights -> Conv and Linear; MatMul of activations.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/packed_bits.h"
#include "converter/graph/half.h"
#include "converter/lower/lowering.h"
#include "converter/lower/window.h"
#include "converter/quantize/curve_fit.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/quantize.h"
#include "converter/quantize/tails.h"
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

// How an integer product's sums become its output's integers.
struct Requantization {
  double unit = 1;                  // a sum's real value over this is what the multiplier gives
  std::vector<float> factors = {};  // of each channel: of the multiplier, or behind the curve
  std::optional<quantize::FittedCurve> curve = {};
  schema::IntRange range;
};

Requantization RequantizationOf(const Lowering& lowering, const Node& node, size_t channels) {
  const quantize::Quantization& q = lowering.quantization;
  const quantize::QuantParams& out = *q.Params(q.Rounded(node));
  Requantization result{.unit = static_cast<double>(out.scale), .range = IntRangeOf(node, out)};
  if (!q.tails.contains(node.Label())) return result;
  quantize::Tail tail = quantize::TailBehind(lowering.graph, node);
  if (tail.factors != nullptr && q.Rounded(node) == tail.factors->Label()) {
    result.factors = quantize::FactorsOf(lowering.graph, *tail.factors, channels);
    // What a clamp above 0 cuts off is beyond the integers, or is none.
    if (node.clamp && node.clamp->hi != 0) result.range = {result.range.lo(), 127};
    if (node.clamp && node.clamp->lo != 0) result.range = {-128, result.range.hi()};
  }
  if (tail.function == nullptr) return result;
  const double largest =
      result.factors.empty() ? 1 : static_cast<double>(std::ranges::max(result.factors));
  result.curve = quantize::FitCurve(lowering.graph, *tail.function, out, largest);
  result.unit = result.curve->step;
  result.range = IntRangeOf(*tail.function, out);
  return result;
}

std::vector<float> Multipliers(const Node& node, const quantize::QuantizedWeights& weights,
                               const quantize::QuantParams& in, const Requantization& to) {
  std::vector<float> multipliers;
  for (size_t n = 0; n < weights.n; ++n) {
    double multiplier =
        static_cast<double>(in.scale) * static_cast<double>(weights.scale[n]) / to.unit;
    if (!to.curve && !to.factors.empty()) multiplier *= static_cast<double>(to.factors[n]);
    multipliers.push_back(Multiplier(node, multiplier));
  }
  return multipliers;
}

std::unique_ptr<schema::CurveT> CurveOf(Lowering& lowering, const Requantization& to) {
  if (!to.curve) return nullptr;
  auto curve = std::make_unique<schema::CurveT>();
  curve->offset = static_cast<float>(-to.curve->start / to.curve->step);
  curve->coefficients.assign(to.curve->coefficients.begin(), to.curve->coefficients.end());
  if (!to.factors.empty()) curve->factors = lowering.AddBlobOf(to.factors);
  return curve;
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

// Biases and multipliers of a wide product, in steps of its output (1 of float).
std::vector<uint8_t> WideParams(const Lowering& lowering, const Node& node, double step) {
  const quantize::Quantization& q = lowering.quantization;
  const auto in = static_cast<double>(q.wide.at(node.inputs[0]));
  std::vector<float> bias = quantize::FloatBias(lowering.graph, node, q), multipliers;
  for (float& b : bias) b = static_cast<float>(static_cast<double>(b) / step);
  for (const float scale : q.weights.at(node.Label()).scale) {
    multipliers.push_back(Multiplier(node, in * static_cast<double>(scale) / step));
  }
  std::vector<uint8_t> params;
  Append(params, bias);
  Append(params, multipliers);
  return params;
}

// Those of others; `to` is null where the product is not computed in integers.
std::vector<uint8_t> ProductParams(const Lowering& lowering, const Node& node,
                                   const Requantization* to) {
  const quantize::Quantization& q = lowering.quantization;
  const quantize::QuantizedWeights& weights = q.weights.at(node.Label());
  std::vector<uint8_t> params;
  if (to != nullptr) {
    Append(params, q.bias.at(node.Label()));
    Append(params, Multipliers(node, weights, *q.Params(node.inputs[0]), *to));
  } else {
    Append(params, quantize::FloatBias(lowering.graph, node, q));
    Append(params, weights.scale);
  }
  return params;
}

// `params` are biases and multipliers or scales.
std::unique_ptr<schema::WeightsT> IntegerWeights(Lowering& lowering, const Node& node,
                                                 std::vector<uint8_t> params) {
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

// A product with int16 inputs: its output is `out`.
template <typename OptionsT>
void SetWideProduct(Lowering& lowering, const Node& node, uint16_t out, OptionsT& options) {
  const schema::TensorT& tensor = lowering.tensor(out);
  const bool integers = tensor.type == schema::TensorType::int16;
  const double step = integers ? static_cast<double>(tensor.scale) : 1;
  options.compute = schema::Compute::wide;
  options.weights = IntegerWeights(lowering, node, WideParams(lowering, node, step));
  if (!node.clamp) return;
  const auto bound = [&](float x) { return static_cast<float>(static_cast<double>(x) / step); };
  options.float_range =
      std::make_unique<schema::FloatRange>(bound(node.clamp->lo), bound(node.clamp->hi));
}

template <typename OptionsT>
void SetProduct(Lowering& lowering, const Node& node, OptionsT& options) {
  const bool integer = lowering.quantization.IsInteger(node);
  const quantize::LayerScheme& scheme = lowering.quantization.schemes.at(node.Label());
  const bool dynamic = quantize::IsDynamic(lowering.quantization, node.Label(), *ProductOf(node));
  options.compute = integer   ? schema::Compute::integer
                    : dynamic ? schema::Compute::dynamic
                              : schema::Compute::float_;
  std::optional<Requantization> to;
  if (integer) {
    to = RequantizationOf(lowering, node, lowering.quantization.weights.at(node.Label()).n);
    options.int_range = std::make_unique<schema::IntRange>(to->range);
    options.curve = CurveOf(lowering, *to);
  }
  options.weights =
      lowering.quantization.weights.contains(node.Label())
          ? IntegerWeights(lowering, node, ProductParams(lowering, node, to ? &*to : nullptr))
          : FloatWeights(lowering, node, scheme.kind == WeightKind::fp16);
  if (!integer && node.clamp) {
    options.float_range = std::make_unique<schema::FloatRange>(FloatRangeOf(node));
  }
}

uint16_t DefineResult(Lowering& lowering, const Node& node, const Shape& shape) {
  const quantize::Quantization& q = lowering.quantization;
  if (!q.IsInteger(node)) return lowering.Define(node.outputs[0], nullptr, shape);
  return lowering.Define(q.Rounded(node), q.Params(q.Rounded(node)), shape);
}

// Input and output of a product, and all that the options say of how it computes.
template <typename OptionsT>
void EmitProduct(Lowering& lowering, const Node& node, OptionsT options, const Shape& in,
                 const Shape& out) {
  const quantize::Quantization& q = lowering.quantization;
  if (quantize::IsWide(lowering.graph, node, q.schemes.at(node.Label()))) {
    const uint16_t input = lowering.UseWide(node.inputs[0], in);
    const uint16_t output = lowering.DefineWide(node.outputs[0], out);
    SetWideProduct(lowering, node, output, options);
    lowering.Emit(node, std::move(options), {input}, output);
    return;
  }
  SetProduct(lowering, node, options);
  const uint16_t input = lowering.UseFor(node, node.inputs[0], in);
  const uint16_t output = DefineResult(lowering, node, out);
  lowering.Emit(node, std::move(options), {input}, output);
}

void LowerConv(Lowering& lowering, const Node& node) {
  const Shape in = lowering.ShapeOf(node.inputs[0]), out = lowering.ShapeOf(node.outputs[0]);
  const std::vector<int64_t>& dims = lowering.graph.Constant(node.inputs[1])->dims();
  schema::ConvT conv;
  ReadWindow(node, {dims.begin() + 2, dims.end()}, in).CopyTo(conv);
  conv.groups = static_cast<uint32_t>(node.Int("group", 1));
  EmitProduct(lowering, node, std::move(conv), in, out);
  lowering.CountOutputChannels(static_cast<size_t>(dims[0]));
}

void LowerLinear(Lowering& lowering, const Node& node) {
  Shape in = lowering.ShapeOf(node.inputs[0]), out = lowering.ShapeOf(node.outputs[0]);
  if (in.size() == 1) {
    in = Lifted(in);
    out = Lifted(out);
  }
  schema::LinearT linear;
  EmitProduct(lowering, node, std::move(linear), in, out);
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
