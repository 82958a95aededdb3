// Small things the files lower_*.cc share.
#include <algorithm>
#include <cmath>
#include <limits>

#include "converter/lower/lowering.h"
#include "converter/quantize/range.h"

namespace lutra::converter::lowering {

Shape Lifted(Shape shape) {
  shape.insert(shape.begin(), 1);
  return shape;
}

schema::IntRange IntRangeOf(const Node& node, const quantize::QuantParams& out) {
  if (!node.clamp) return {-128, 127};
  const auto bound = [&](float x) {
    return static_cast<int8_t>(quantize::QuantizeValue(static_cast<double>(x), out));
  };
  return {bound(node.clamp->lo), bound(node.clamp->hi)};
}

schema::FloatRange FloatRangeOf(const Node& node) {
  const Clamp clamp = node.clamp.value_or(Clamp{});
  return {clamp.lo, clamp.hi};
}

float Multiplier(const Node& node, double value) {
  const float multiplier = static_cast<float>(value);
  if (!std::isnormal(multiplier) || multiplier <= 0) {
    Fail(node,
         "its values are too far apart in size for integers; keep the layer in "
         "float32 (recipe: \"activations\": \"float\")");
  }
  return multiplier;
}

void EmitClamp(Lowering& lowering, const Node& node, uint16_t unclamped,
               const quantize::QuantParams* params, const Shape& shape) {
  const uint16_t out = lowering.Define(node.outputs[0], params, shape);
  if (params) {
    schema::RequantizeT requantize;
    requantize.multiplier = 1;
    requantize.int_range = std::make_unique<schema::IntRange>(IntRangeOf(node, *params));
    lowering.Emit(node, std::move(requantize), {unclamped}, out);
  } else {
    schema::UnaryT clip;
    clip.kind = schema::UnaryKind::clip;
    clip.alpha = node.clamp->lo;
    clip.beta = node.clamp->hi;
    lowering.Emit(node, std::move(clip), {unclamped}, out);
  }
}

uint16_t EmitTranspose(Lowering& lowering, const Node& node, uint16_t in,
                       const std::vector<int64_t>& permutation) {
  const schema::TensorT& tensor = lowering.tensor(in);
  Shape shape;
  schema::TransposeT transpose;
  for (const int64_t d : permutation) {
    shape.push_back(tensor.shape[static_cast<size_t>(d)]);
    transpose.permutation.push_back(static_cast<uint8_t>(d));
  }
  const uint16_t out = lowering.TemporaryLike(in, shape);
  lowering.Emit(node, std::move(transpose), {in}, out);
  return out;
}

}  // namespace lutra::converter::lowering
