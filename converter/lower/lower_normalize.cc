// LayerNormalization, RMSNormalization, InstanceNormalization and GroupNormalization in float32,
// from the operators that the runtime has: (x - mean) / sqrt(mean((x - mean)^2) + epsilon) over
// rows, then a scale and a shift. In integers the square of a deviation would have to share 256
// values with squares a thousand times smaller.
#include <algorithm>

#include "converter/error.h"
#include "converter/executor/strides.h"
#include "converter/graph/shape.h"
#include "converter/lower/lowering.h"

namespace lutra::converter::lowering {
namespace {

int32_t Product(const Shape& shape, size_t first, size_t last) {
  int32_t elements = 1;
  for (size_t d = first; d < last; ++d) elements *= shape[d];
  return elements;
}

// The input as [1, rows, columns], each row with statistics of its own; and as the shape in which
// scale and shift, seen as `parameters`, broadcast over it.
struct Geometry {
  Shape rows, affine, parameters;
  std::vector<int64_t> normalized;  // the dimensions over which scale and shift may be broadcast
  bool centers = true;
};

Geometry GeometryOf(const Lowering& lowering, const Node& node) {
  const Shape in = lowering.ShapeOf(node.inputs[0]);
  if (node.op == "LayerNormalization" || node.op == "RMSNormalization") {
    const auto axis = AxisOf(node, node.Int("axis", -1), in.size());
    const int32_t columns = Product(in, axis, in.size());
    const Shape rows = {1, Product(in, 0, axis), columns};
    return {rows,
            rows,
            {1, 1, columns},
            {in.begin() + static_cast<int64_t>(axis), in.end()},
            node.op == "LayerNormalization"};
  }
  if (in.size() < 3) Fail(node, "its input is no image");
  const int32_t channels = in[1], plane = Product(in, 2, in.size());
  const auto groups =
      node.op == "GroupNormalization"
          ? static_cast<int32_t>(std::clamp<int64_t>(node.Int("num_groups", 1), 1, channels))
          : channels;
  if (channels % groups != 0) Fail(node, "its groups do not divide the channels");
  const Tensor* scale = lowering.graph.Constant(node.Input(1));
  // GroupNormalization had one value per group before opset 21.
  const bool by_group = scale != nullptr && scale->elements() == static_cast<size_t>(groups);
  const int32_t parameters = by_group ? groups : channels;
  return {{1, in[0] * groups, channels / groups * plane},
          {1, in[0], parameters, channels / parameters * plane},
          {1, 1, parameters, 1},
          {parameters}};
}

class Steps {
 public:
  Steps(Lowering& lowering, const Node& node) : lowering_(lowering), node_(node) {
    part_.op = node.op;
    part_.name = node.name;
    part_.outputs = {node.outputs[0]};
  }

  uint16_t Mean(uint16_t x) {
    Shape shape = lowering_.tensor(x).shape;
    shape.back() = 1;
    schema::ReduceT reduce;
    reduce.kind = schema::ReduceKind::mean;
    reduce.axes = {static_cast<uint8_t>(shape.size() - 1)};
    return Emit(std::move(reduce), {x}, shape);
  }
  uint16_t Binary(schema::BinaryKind kind, uint16_t a, uint16_t b) {
    schema::BinaryT binary;
    binary.kind = kind;
    return Emit(std::move(binary), {a, b}, lowering_.tensor(a).shape);
  }
  // The last step: its result is the node's.
  void Finish(schema::BinaryKind kind, uint16_t a, uint16_t b) {
    schema::BinaryT binary;
    binary.kind = kind;
    if (node_.clamp) {
      binary.float_range = std::make_unique<schema::FloatRange>(FloatRangeOf(node_));
    }
    const Shape shape = lowering_.tensor(a).shape;
    const uint16_t output = lowering_.Define(node_.outputs[0], nullptr, shape);
    lowering_.Emit(node_, std::move(binary), {a, b}, output);
  }
  uint16_t Sqrt(uint16_t x) {
    schema::UnaryT root;
    root.kind = schema::UnaryKind::sqrt;
    return Emit(std::move(root), {x}, lowering_.tensor(x).shape);
  }
  uint16_t Reshaped(uint16_t x, const Shape& shape) {
    if (lowering_.tensor(x).shape == shape) return x;
    return Emit(schema::ReshapeT{}, {x}, shape);
  }
  // The values of an input, which may be broadcast.
  uint16_t Parameter(size_t input, const Geometry& geometry) {
    const Tensor* constant = lowering_.graph.Constant(node_.Input(input));
    if (constant == nullptr) {
      Fail(node_, "input " + std::to_string(input) + " is computed by the network");
    }
    try {
      const Tensor values = executor::BroadcastTo(*constant, geometry.normalized);
      return lowering_.AddConstant(values.ToFloats(), nullptr, geometry.parameters);
    } catch (const Error&) {
      Fail(node_, "input " + std::to_string(input) + " is " + DimsText(constant->dims()) +
                      " where it takes " + DimsText(geometry.normalized));
    }
  }

 private:
  template <typename OptionsT>
  uint16_t Emit(OptionsT options, std::vector<uint16_t> inputs, const Shape& shape) {
    const uint16_t output = lowering_.Temporary(nullptr, shape);
    lowering_.Emit(part_, std::move(options), std::move(inputs), output);
    return output;
  }

  Lowering& lowering_;
  const Node& node_;
  Node part_;  // as the report names it, without the weights, which count once
};

}  // namespace

void LowerNormalization(Lowering& lowering, const Node& node) {
  using schema::BinaryKind;
  for (size_t i = 1; i < node.outputs.size(); ++i) {
    const std::string& output = node.outputs[i];
    if (lowering.graph.IsOutput(output) || !lowering.graph.Consumers(output).empty()) {
      Fail(node, "its statistics '" + output + "' are read; only its result can be");
    }
  }
  const Geometry geometry = GeometryOf(lowering, node);
  Steps steps(lowering, node);
  uint16_t x = lowering.Use(node.inputs[0], nullptr, geometry.rows);
  if (geometry.centers) x = steps.Binary(BinaryKind::sub, x, steps.Mean(x));
  const uint16_t variance = steps.Mean(steps.Binary(BinaryKind::mul, x, x));
  const uint16_t epsilon = lowering.AddConstant({node.Float("epsilon", 1e-5F)}, nullptr, {1, 1, 1});
  const uint16_t deviation = steps.Sqrt(steps.Binary(BinaryKind::add, variance, epsilon));
  x = steps.Reshaped(steps.Binary(BinaryKind::div, x, deviation), geometry.affine);
  const uint16_t scale = steps.Parameter(1, geometry);
  if (node.Input(2).empty()) {
    steps.Finish(BinaryKind::mul, x, scale);
    return;
  }
  x = steps.Binary(BinaryKind::mul, x, scale);
  steps.Finish(BinaryKind::add, x, steps.Parameter(2, geometry));
}

}  // namespace lutra::converter::lowering
