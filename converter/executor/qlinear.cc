// The quantized operators of ONNX Runtime (domain com.microsoft) that are defined as: dequantize,
// compute in float, quantize.
#include "converter/executor/operator.h"
#include "converter/executor/quantize.h"
#include "converter/executor/strides.h"

namespace lutra::converter::executor {
namespace {

constexpr std::string_view kPrefix = "QLinear";

Tensor Real(const Call& call, size_t tensor) {
  return Dequantize(call.Input(tensor), {call.Input(tensor + 1), call.Optional(tensor + 2)});
}

/// Without a zero point the result has the type of the first quantized input.
Tensor Quantized(const Call& call, const Tensor& y, size_t scale, DataType type) {
  const Tensor zero(type, {});
  const Tensor* given = call.Optional(scale + 1);
  return Quantize(y, {call.Input(scale), given == nullptr ? &zero : given});
}

std::string_view FloatName(const Node& node) {
  return std::string_view(node.op).substr(kPrefix.size());
}

/// Inputs: x, its scale and zero point, y's scale and zero point.
Results Unary(const Call& call) {
  const Tensor x = Real(call, 0);
  return {Quantized(call, Compute(FloatName(call.node), call.node, {&x}), 3, call.Input(0).type())};
}

/// Before opset 13, which an attribute tells, the dimensions from `axis` on are one.
Results Softmax(const Call& call) {
  const Tensor x = Real(call, 0);
  Node node = call.node;
  Shape rows = x.dims();
  if (node.Int("opset", 13) < 13) {
    const size_t axis = Axis(node.Int("axis", -1), x.rank());
    const std::span<const int64_t> dims = x.dims();
    rows = {Count(dims.first(axis)), Count(dims.subspan(axis))};
    node.attributes["axis"] = int64_t{-1};
  }
  const Tensor seen = x.Reshaped(rows);
  const Tensor y = Compute("Softmax", node, {&seen}).Reshaped(x.dims());
  return {Quantized(call, y, 3, call.Input(0).type())};
}

/// Inputs: a, its scale and zero point, b, its, y's scale and zero point.
Results Binary(const Call& call) {
  const Tensor a = Real(call, 0), b = Real(call, 3);
  return {
      Quantized(call, Compute(FloatName(call.node), call.node, {&a, &b}), 6, call.Input(0).type())};
}

/// 'channels_last' is the NHWC of these operators.
Results Pool(const Call& call) {
  Node node = call.node;
  if (node.Int("channels_last", 0) != 0) node.layout = Layout::nhwc;
  const Tensor x = Real(call, 0);
  return {Quantized(call, Compute(FloatName(node), node, {&x}), 3, call.Input(0).type())};
}

/// Inputs: y's scale and zero point, then x, scale and zero point of every part.
Results QLinearConcat(const Call& call) {
  std::vector<Tensor> parts;
  for (size_t i = 2; i + 2 < call.inputs.size(); i += 3) parts.push_back(Real(call, i));
  std::vector<const Tensor*> inputs;
  for (const Tensor& part : parts) inputs.push_back(&part);
  return {Quantized(call, Compute("Concat", call.node, inputs), 0, call.Input(2).type())};
}

constexpr Operator Row(std::string_view name, Results (*run)(const Call&)) {
  return {name, run, Precision::any, nullptr, false, "com.microsoft"};
}

constexpr Operator kQLinearOperators[] = {
    Row("QLinearSigmoid", Unary),
    Row("QLinearLeakyRelu", Unary),
    Row("QLinearSoftmax", Softmax),
    Row("QLinearAdd", Binary),
    Row("QLinearMul", Binary),
    Row("QLinearAveragePool", Pool),
    Row("QLinearGlobalAveragePool", Pool),
    Row("QLinearConcat", QLinearConcat),
};

}  // namespace

OperatorRows QLinearOperators() { return kQLinearOperators; }

}  // namespace lutra::converter::executor
