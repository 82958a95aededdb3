// Functions of one value: on int8 a table of 256 entries, which the float executor fills, so every
// function it knows needs no code here; Relu and Clip are a requantization with a range. In float32
// the runtime's own kinds.
#include <algorithm>
#include <cmath>
#include <limits>

#include "converter/executor/float_executor.h"
#include "converter/lower/lowering.h"
#include "converter/lower/operators.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/range.h"

namespace lutra::converter::lowering {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float ScalarInput(const Lowering& lowering, const Node& node, size_t i, float otherwise) {
  if (node.Input(i).empty()) return otherwise;
  const Tensor* constant = lowering.graph.Constant(node.Input(i));
  if (constant == nullptr || constant->elements() != 1) {
    Fail(node, "input " + std::to_string(i) + " is not a constant number");
  }
  return constant->ToFloats()[0];
}

// What Relu or Clip does as a range; intersected with a fused clamp.
Clamp ClampOf(const Lowering& lowering, const Node& node) {
  Clamp clamp = node.op == "Relu" ? Clamp{0, kInfinity}
                                  : Clamp{ScalarInput(lowering, node, 1, -kInfinity),
                                          ScalarInput(lowering, node, 2, kInfinity)};
  clamp.lo = std::min(clamp.lo, clamp.hi);  // ONNX: the upper limit wins
  if (node.clamp) {
    clamp.lo = std::clamp(clamp.lo, node.clamp->lo, node.clamp->hi);
    clamp.hi = std::clamp(clamp.hi, node.clamp->lo, node.clamp->hi);
  }
  return clamp;
}

// The function at every real value that an int8 of these parameters stands for.
std::vector<int8_t> MakeTable(const Lowering& lowering, const Node& node,
                              const quantize::QuantParams& in, const quantize::QuantParams& out) {
  std::vector<float> reals;
  for (int q = -128; q <= 127; ++q) {
    reals.push_back(in.scale * static_cast<float>(q - in.zero_point));
  }
  std::vector<Tensor> inputs;
  for (const std::string& input : node.inputs) {
    if (input.empty()) {
      inputs.emplace_back();
    } else if (const Tensor* constant = lowering.graph.Constant(input)) {
      inputs.push_back(constant->Reshaped({}));
    } else {
      inputs.push_back(Tensor::Of({256}, reals));
    }
  }
  std::vector<float> values = executor::ExecuteNode(node, inputs)[0].ToFloats();
  const Clamp clamp = node.clamp.value_or(Clamp{});
  std::vector<int8_t> table;
  for (float value : values) {
    // Outside the function's domain (log of a negative number) any value would do.
    if (std::isnan(value)) value = 0;
    value = std::min(std::max(value, clamp.lo), clamp.hi);
    table.push_back(static_cast<int8_t>(quantize::QuantizeValue(static_cast<double>(value), out)));
  }
  return table;
}

void LowerInteger(Lowering& lowering, const Node& node) {
  const std::string value = quantize::ActivationInputs(lowering.graph, node).at(0);
  const Shape shape = lowering.ShapeOf(node.outputs[0]);
  const quantize::QuantParams in = lowering.ParamsFor(value);
  const quantize::QuantParams out = *lowering.OutputParams(node);
  const uint16_t input = lowering.Use(value, &in, shape);
  const uint16_t output = lowering.Define(node.outputs[0], &out, shape);
  if (node.op == "Relu" || node.op == "Clip") {
    Node clamped = node;
    clamped.clamp = ClampOf(lowering, node);
    schema::RequantizeT requantize;
    requantize.multiplier =
        Multiplier(node, static_cast<double>(in.scale) / static_cast<double>(out.scale));
    requantize.int_range = std::make_unique<schema::IntRange>(IntRangeOf(clamped, out));
    lowering.Emit(node, std::move(requantize), {input}, output);
    return;
  }
  schema::LookupT lookup;
  lookup.table = lowering.AddBlobOf(MakeTable(lowering, node, in, out));
  lowering.Emit(node, std::move(lookup), {input}, output);
}

schema::UnaryKind UnaryKindOf(const Node& node) {
  const bool tanh = node.op == "Gelu" && node.String("approximate", "none") == "tanh";
  return tanh ? schema::UnaryKind::gelu_tanh : FindLowering(node)->kind;
}

// The operator's attributes with ONNX's defaults; Celu, Elu, Swish and ThresholdedRelu share
// theirs.
void SetParameters(const Lowering& lowering, const Node& node, schema::UnaryT& unary) {
  if (node.op == "Clip") {
    unary.alpha = ScalarInput(lowering, node, 1, -kInfinity);
    unary.beta = ScalarInput(lowering, node, 2, kInfinity);
    unary.alpha = std::min(unary.alpha, unary.beta);  // ONNX: the upper limit wins
  } else if (node.op == "LeakyRelu") {
    unary.alpha = node.Float("alpha", 0.01F);
  } else if (node.op == "HardSigmoid") {
    unary.alpha = node.Float("alpha", 0.2F);
    unary.beta = node.Float("beta", 0.5F);
  } else if (node.op == "Selu") {
    unary.alpha = node.Float("alpha", 1.67326319217681884765625F);
    unary.beta = node.Float("gamma", 1.05070102214813232421875F);
  } else {
    unary.alpha = node.Float("alpha", 1.0F);
  }
}

// The slopes of a PRelu that are constants of the innermost dimension, as the runtime has it; else
// none.
std::vector<float> SlopesOf(const Lowering& lowering, const Node& node, int32_t innermost) {
  const Tensor* slope = lowering.graph.Constant(node.Input(1));
  const auto count = static_cast<size_t>(innermost);
  if (slope == nullptr || slope->elements() == 0) return {};
  const bool along =
      slope->rank() > 0 && slope->elements() == count && slope->dims().back() == innermost;
  if (slope->elements() != 1 && !along) return {};
  std::vector<float> slopes = slope->ToFloats();
  slopes.resize(count, slopes[0]);
  return slopes;
}

// Any other PRelu: max(x, 0) + slope * min(x, 0), of which one term is 0.
void LowerWidePRelu(Lowering& lowering, const Node& node) {
  Shape shape = lowering.ShapeOf(node.outputs[0]), slope = lowering.ShapeOf(node.inputs[1]);
  while (slope.size() < shape.size()) slope = Lifted(slope);
  if (shape[0] != 1) {  // dimension 0 of a constant is no batch
    shape = Lifted(shape);
    slope = Lifted(slope);
  }
  const auto emit = [&](auto options, std::vector<uint16_t> inputs) {
    const uint16_t result = lowering.Temporary(nullptr, shape);
    lowering.Emit(node, std::move(options), std::move(inputs), result);
    return result;
  };
  const uint16_t x = lowering.Use(node.inputs[0], nullptr, shape);
  schema::UnaryT positive, negative;
  positive.kind = schema::UnaryKind::relu;
  negative.kind = schema::UnaryKind::clip;
  negative.alpha = -kInfinity;
  negative.beta = 0;
  schema::BinaryT product, sum;
  product.kind = schema::BinaryKind::mul;
  sum.kind = schema::BinaryKind::add;
  if (node.clamp) sum.float_range = std::make_unique<schema::FloatRange>(FloatRangeOf(node));
  const uint16_t above = emit(std::move(positive), {x});
  const uint16_t below = emit(std::move(negative), {x});
  const uint16_t sloped =
      emit(std::move(product), {below, lowering.Use(node.inputs[1], nullptr, slope)});
  const uint16_t output = lowering.Define(node.outputs[0], nullptr, shape);
  lowering.Emit(node, std::move(sum), {above, sloped}, output);
}

void LowerFloat(Lowering& lowering, const Node& node) {
  schema::UnaryT unary;
  unary.kind = UnaryKindOf(node);
  SetParameters(lowering, node, unary);
  const Shape shape = lowering.ShapeOf(node.outputs[0]);
  std::vector<float> slopes;
  if (node.op == "PRelu") {
    slopes = SlopesOf(lowering, node, shape.back());
    if (slopes.empty()) return LowerWidePRelu(lowering, node);
  }
  std::vector<uint16_t> inputs = {lowering.Use(node.inputs[0], nullptr, shape)};
  if (!slopes.empty()) {
    inputs.push_back(lowering.AddConstant(slopes, nullptr, {shape.back()}));
  }
  if (!node.clamp) {
    const uint16_t output = lowering.Define(node.outputs[0], nullptr, shape);
    lowering.Emit(node, std::move(unary), std::move(inputs), output);
    return;
  }
  const uint16_t unclamped = lowering.Temporary(nullptr, shape);
  lowering.Emit(node, std::move(unary), std::move(inputs), unclamped);
  EmitClamp(lowering, node, unclamped, nullptr, shape);
}

}  // namespace

void LowerUnary(Lowering& lowering, const Node& node) {
  if (lowering.quantization.IsInteger(node)) {
    LowerInteger(lowering, node);
  } else {
    LowerFloat(lowering, node);
  }
}

}  // namespace lutra::converter::lowering
