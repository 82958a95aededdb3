// Add, Sub, Mul (and Div by a constant) with integer multipliers; the other binary operators, and
// float nodes, in float32.
#include <algorithm>
#include <cmath>

#include "converter/lower/lowering.h"
#include "converter/quantize/range.h"

namespace lutra::converter::lowering {
namespace {

// Operands of the output's rank. Dimension 0 of an activation is multiplied by the batch and that
// of a constant is not, so unless it is 1 everything is lifted.
struct Operands {
  Shape a, b, out;
};

Operands Broadcast(const Lowering& lowering, const Node& node) {
  Operands shapes{lowering.ShapeOf(node.inputs[0]), lowering.ShapeOf(node.inputs[1]),
                  lowering.ShapeOf(node.outputs[0])};
  while (shapes.a.size() < shapes.out.size()) shapes.a = Lifted(shapes.a);
  while (shapes.b.size() < shapes.out.size()) shapes.b = Lifted(shapes.b);
  if (shapes.out[0] != 1) {
    shapes = {Lifted(shapes.a), Lifted(shapes.b), Lifted(shapes.out)};
  }
  return shapes;
}

double LargestStep(const schema::TensorT& tensor) {
  return std::max(127 - tensor.zero_point, tensor.zero_point + 128);
}

// real = s_a * (q_a - z_a) +- s_b * (q_b - z_b) in units of 1 / t, where t is as large as keeps
// the sum of the rounded multipliers below 2^31.
void SetSum(const Node& node, const schema::TensorT& a, const schema::TensorT& b,
            const quantize::QuantParams& out, schema::BinaryT& options) {
  const double scale_a = static_cast<double>(a.scale), scale_b = static_cast<double>(b.scale);
  const double steps_a = LargestStep(a), steps_b = LargestStep(b);
  const double room = 2147483647.0 - 0.5 * (steps_a + steps_b) - 1;
  const double units = room / (scale_a * steps_a + scale_b * steps_b);
  const double sign = node.op == "Sub" ? -1 : 1;
  options.multiplier_a = static_cast<int32_t>(std::nearbyint(scale_a * units));
  options.multiplier_b = static_cast<int32_t>(sign * std::nearbyint(scale_b * units));
  options.multiplier = Multiplier(node, 1 / (units * static_cast<double>(out.scale)));
}

schema::BinaryKind BinaryKindOf(const Node& node) {
  using schema::BinaryKind;
  static const std::map<std::string_view, BinaryKind> kKinds = {
      {"Add", BinaryKind::add}, {"Sub", BinaryKind::sub}, {"Mul", BinaryKind::mul},
      {"Div", BinaryKind::div}, {"Min", BinaryKind::min}, {"Max", BinaryKind::max},
      {"Pow", BinaryKind::pow}};
  return kKinds.at(node.op);
}

}  // namespace

void LowerBinary(Lowering& lowering, const Node& node) {
  if (node.inputs.size() != 2) Fail(node, "has not exactly two inputs");
  const Operands shapes = Broadcast(lowering, node);
  const quantize::QuantParams* params = lowering.OutputParams(node);
  schema::BinaryT options;
  options.kind = BinaryKindOf(node);
  const uint16_t a = lowering.UseFor(node, node.inputs[0], shapes.a);
  uint16_t b = 0;
  if (params && node.op == "Div") {
    options.kind = schema::BinaryKind::mul;
    std::vector<float> factors = lowering.graph.Constant(node.inputs[1])->ToFloats();
    for (float& factor : factors) factor = 1 / factor;
    const quantize::QuantParams factor_params = quantize::ParamsOf(quantize::RangeOf(factors));
    b = lowering.AddConstant(factors, &factor_params, shapes.b);
  } else {
    b = lowering.UseFor(node, node.inputs[1], shapes.b);
  }
  const uint16_t out = lowering.Define(node.outputs[0], params, shapes.out);
  if (params) {
    const schema::TensorT &left = lowering.tensor(a), &right = lowering.tensor(b);
    if (options.kind == schema::BinaryKind::mul) {
      options.multiplier =
          Multiplier(node, static_cast<double>(left.scale) * static_cast<double>(right.scale) /
                               static_cast<double>(params->scale));
    } else {
      SetSum(node, left, right, *params, options);
    }
    options.int_range = std::make_unique<schema::IntRange>(IntRangeOf(node, *params));
  } else if (node.clamp) {
    options.float_range = std::make_unique<schema::FloatRange>(FloatRangeOf(node));
  }
  lowering.Emit(node, std::move(options), {a, b}, out);
}

}  // namespace lutra::converter::lowering
