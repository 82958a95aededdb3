// Quantization points that no operator took over: a Quantize of a float value, a Requantize of one
// that lies on another grid.
#include "converter/lower/lowering.h"
#include "converter/quantize/point.h"

namespace lutra::converter::lowering {
namespace {

// Reports call it what it became.
Node Named(const std::string& op, const Node& point) {
  Node node;
  node.op = op;
  node.outputs = point.outputs;
  return node;
}

void EmitRequantize(Lowering& lowering, const Node& node, uint16_t in, double ratio, uint16_t out) {
  const quantize::Point point = quantize::PointOf(node);
  schema::RequantizeT requantize;
  requantize.multiplier = Multiplier(node, ratio);
  requantize.int_range = std::make_unique<schema::IntRange>(static_cast<int8_t>(point.lo),
                                                            static_cast<int8_t>(point.hi));
  lowering.Emit(Named("Requantize", node), std::move(requantize), {in}, out);
}

}  // namespace

void LowerPoint(Lowering& lowering, const Node& node) {
  const quantize::Point point = quantize::PointOf(node);
  const Shape shape = lowering.ShapeOf(node.outputs[0]);
  if (const quantize::QuantParams* grid = lowering.quantization.Params(node.inputs[0])) {
    const uint16_t in = lowering.Use(node.inputs[0], grid, shape);
    const uint16_t out = lowering.Define(node.outputs[0], &point.params, shape);
    const double ratio = static_cast<double>(grid->scale) / static_cast<double>(point.params.scale);
    EmitRequantize(lowering, node, in, ratio, out);
    return;
  }
  const uint16_t in = lowering.Use(node.inputs[0], nullptr, shape);
  if (point.UsesAllIntegers()) {
    const uint16_t out = lowering.Define(node.outputs[0], &point.params, shape);
    lowering.Emit(Named("Quantize", node), schema::QuantizeT{}, {in}, out);
    return;
  }
  const uint16_t whole = lowering.Temporary(&point.params, shape);
  lowering.Emit(Named("Quantize", node), schema::QuantizeT{}, {in}, whole);
  EmitRequantize(lowering, node, whole, 1, lowering.Define(node.outputs[0], &point.params, shape));
}

}  // namespace lutra::converter::lowering
