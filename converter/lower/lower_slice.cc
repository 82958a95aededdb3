// Slice, Split, Gather with constant indices, Pad and Concat.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "converter/graph/shape.h"
#include "converter/lower/lowering.h"
#include "converter/quantize/range.h"
#include "schema/tensor_type.h"

namespace lutra::converter::lowering {
namespace {

// A part of a tensor: per dimension first index, step, and how many.
struct Part {
  std::vector<int32_t> begin, step;
  Shape shape;
};

Part WholeOf(const Shape& shape) {
  return {std::vector<int32_t>(shape.size(), 0), std::vector<int32_t>(shape.size(), 1), shape};
}

bool TakesPart(const Shape& in, const Part& part, size_t d) {
  return part.begin[d] != 0 || part.step[d] != 1 || part.shape[d] != in[d];
}

// Cuts `part` out of the node's input into a new tensor: `value`, or a temporary when it is empty.
uint16_t Cut(Lowering& lowering, const Node& node, Shape in, Part part, const std::string& value,
             const quantize::QuantParams* params) {
  if (TakesPart(in, part, 0)) {
    in = Lifted(in);
    part.begin.insert(part.begin.begin(), 0);
    part.step.insert(part.step.begin(), 1);
    part.shape = Lifted(part.shape);
  }
  const uint16_t input = lowering.Use(node.inputs[0], params, in);
  schema::SliceT slice;
  slice.begin = part.begin;
  slice.step = part.step;
  const uint16_t output = value.empty() ? lowering.Temporary(params, part.shape)
                                        : lowering.Define(value, params, part.shape);
  lowering.Emit(node, std::move(slice), {input}, output);
  return output;
}

void CutOutput(Lowering& lowering, const Node& node, const Shape& in, const Part& part) {
  const quantize::QuantParams* params = lowering.OutputParams(node);
  if (!node.clamp) {
    Cut(lowering, node, in, part, node.outputs[0], params);
    return;
  }
  const uint16_t unclamped = Cut(lowering, node, in, part, "", params);
  EmitClamp(lowering, node, unclamped, params, lowering.tensor(unclamped).shape);
}

std::vector<int64_t> ConstantInts(const Lowering& lowering, const Node& node, size_t input) {
  const Tensor* constant = lowering.graph.Constant(node.Input(input));
  if (constant == nullptr) {
    Fail(node, "input " + std::to_string(input) + " is computed by the network");
  }
  return constant->ToInts();
}

}  // namespace

void LowerSlice(Lowering& lowering, const Node& node) {
  const Shape in = lowering.ShapeOf(node.inputs[0]), out = lowering.ShapeOf(node.outputs[0]);
  const std::vector<int64_t> starts = ConstantInts(lowering, node, 1);
  std::vector<int64_t> axes(starts.size()), steps(starts.size(), 1);
  std::iota(axes.begin(), axes.end(), 0);
  if (!node.Input(3).empty()) axes = ConstantInts(lowering, node, 3);
  if (!node.Input(4).empty()) steps = ConstantInts(lowering, node, 4);
  Part part = WholeOf(in);
  part.shape = out;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto d = AxisOf(node, axes[i], in.size());
    const int64_t size = in[d];
    const int64_t start = starts[i] < 0 ? starts[i] + size : starts[i];
    part.begin[d] = static_cast<int32_t>(steps[i] > 0 ? std::clamp<int64_t>(start, 0, size)
                                                      : std::clamp<int64_t>(start, 0, size - 1));
    part.step[d] = static_cast<int32_t>(std::clamp<int64_t>(steps[i], -size, size));
  }
  CutOutput(lowering, node, in, part);
}

void LowerSplit(Lowering& lowering, const Node& node) {
  const Shape in = lowering.ShapeOf(node.inputs[0]);
  const auto axis = AxisOf(node, node.Int("axis", 0), in.size());
  if (node.clamp) Fail(node, "a clamp behind several outputs");
  int32_t begin = 0;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) Fail(node, "leaves one of its outputs out");
    Part part = WholeOf(in);
    part.begin[axis] = begin;
    part.shape = lowering.ShapeOf(node.outputs[i]);
    begin += part.shape[axis];
    Cut(lowering, node, in, part, node.outputs[i], lowering.OutputParams(node, i));
  }
}

namespace {

// Indices of no even spacing, of an axis seen as the width of an image [outer, axis, inner]:
// nearest neighbours by a table. Dimension 0 may take in all that stands before the axis, for a
// batch only repeats it.
void GatherByTable(Lowering& lowering, const Node& node, const Shape& in, size_t axis,
                   const std::vector<int64_t>& indices) {
  if (in[axis] > 65536) {
    Fail(node, "picks unevenly from an axis of " + std::to_string(in[axis]) +
                   " elements; up to 65536 can be");
  }
  const auto product = [&](size_t first, size_t last) {
    int32_t elements = 1;
    for (size_t d = first; d < last; ++d) elements *= in[d];
    return elements;
  };
  if (lowering.TypeOf(node.outputs[0]) != schema::TensorType::float32) {
    Fail(node, std::string("picks unevenly from ") + TypeName(lowering.TypeOf(node.outputs[0])) +
                   "; of integers and bools even steps can be picked");
  }
  const Shape image = {product(0, axis), in[axis], product(axis + 1, in.size())};
  const Shape picked = {image[0], static_cast<int32_t>(indices.size()), image[2]};
  schema::ResizeT resize;
  resize.kind = schema::ResizeKind::nearest;
  resize.width = std::make_unique<schema::ResizeAxisT>();
  resize.width->source.assign(indices.begin(), indices.end());
  const quantize::QuantParams* params = lowering.OutputParams(node);
  const uint16_t input = lowering.Use(node.inputs[0], params, image);
  if (!node.clamp) {
    const uint16_t output = lowering.Define(node.outputs[0], params, picked);
    lowering.Emit(node, std::move(resize), {input}, output);
    return;
  }
  const uint16_t unclamped = lowering.Temporary(params, picked);
  lowering.Emit(node, std::move(resize), {input}, unclamped);
  EmitClamp(lowering, node, unclamped, params, picked);
}

}  // namespace

void LowerGather(Lowering& lowering, const Node& node) {
  const Shape in = lowering.ShapeOf(node.inputs[0]);
  const auto axis = AxisOf(node, node.Int("axis", 0), in.size());
  std::vector<int64_t> indices = ConstantInts(lowering, node, 1);
  if (indices.empty()) Fail(node, "has no indices");
  for (int64_t& index : indices) {
    if (index < 0) index += in[axis];
    if (index < 0 || index >= in[axis]) Fail(node, "an index is out of range");
  }
  const int64_t step = indices.size() > 1 ? indices[1] - indices[0] : 1;
  for (size_t i = 1; i < indices.size(); ++i) {
    if (step == 0 || indices[i] - indices[i - 1] != step) {
      GatherByTable(lowering, node, in, axis, indices);
      return;
    }
  }
  // The output's own shape is this one with the axis dropped or shaped like the indices.
  Part part = WholeOf(in);
  part.begin[axis] = static_cast<int32_t>(indices[0]);
  part.step[axis] = static_cast<int32_t>(step);
  part.shape[axis] = static_cast<int32_t>(indices.size());
  CutOutput(lowering, node, in, part);
}

void LowerPad(Lowering& lowering, const Node& node) {
  Shape in = lowering.ShapeOf(node.inputs[0]), out = lowering.ShapeOf(node.outputs[0]);
  const std::vector<int64_t> pads = ConstantInts(lowering, node, 1);
  std::vector<int64_t> axes(pads.size() / 2);
  std::iota(axes.begin(), axes.end(), 0);
  if (!node.Input(3).empty()) axes = ConstantInts(lowering, node, 3);
  schema::PadT pad;
  pad.before.assign(in.size(), 0);
  pad.after.assign(in.size(), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto d = AxisOf(node, axes[i], in.size());
    pad.before[d] = static_cast<int32_t>(pads[i]);
    pad.after[d] = static_cast<int32_t>(pads[axes.size() + i]);
  }
  if (pad.before[0] != 0 || pad.after[0] != 0) {
    in = Lifted(in);
    out = Lifted(out);
    pad.before.insert(pad.before.begin(), 0);
    pad.after.insert(pad.after.begin(), 0);
  }
  const std::string mode = node.String("mode", "constant");
  if (mode == "reflect") {
    pad.kind = schema::PadKind::reflect;
  } else if (mode == "edge") {
    pad.kind = schema::PadKind::edge;
  } else if (mode != "constant") {
    Fail(node, "mode " + mode + " is not executed");
  }
  const Tensor* value = lowering.graph.Constant(node.Input(2));
  if (value != nullptr && value->elements() > 0) {
    if (lowering.TypeOf(node.outputs[0]) == schema::TensorType::float32) {
      pad.float_value = value->ToFloats()[0];
    } else if (lowering.TypeOf(node.outputs[0]) == schema::TensorType::int8) {
      pad.int_value = static_cast<int8_t>(value->ToInts()[0]);
    } else {
      pad.wide_value = value->ToInts()[0];
    }
  }
  const quantize::QuantParams* params = lowering.OutputParams(node);
  if (params) {
    pad.int_value =
        static_cast<int8_t>(quantize::QuantizeValue(static_cast<double>(pad.float_value), *params));
    pad.float_value = 0;
  }
  const uint16_t input = lowering.Use(node.inputs[0], params, in);
  if (!node.clamp) {
    const uint16_t output = lowering.Define(node.outputs[0], params, out);
    lowering.Emit(node, std::move(pad), {input}, output);
    return;
  }
  const uint16_t unclamped = lowering.Temporary(params, out);
  lowering.Emit(node, std::move(pad), {input}, unclamped);
  EmitClamp(lowering, node, unclamped, params, out);
}

void LowerConcat(Lowering& lowering, const Node& node) {
  Shape out = lowering.ShapeOf(node.outputs[0]);
  const size_t axis = AxisOf(node, node.Int("axis", 0), out.size());
  const bool lift = axis == 0 || out[0] != 1;
  const quantize::QuantParams* params = lowering.OutputParams(node);
  const schema::TensorType type = lowering.TypeOf(node.outputs[0]);
  std::vector<uint16_t> inputs;
  for (const std::string& input : node.inputs) {
    const Shape shape = lowering.ShapeOf(input);
    const Tensor* constant = lowering.graph.Constant(input);
    if (constant != nullptr) lowering.ForbidBatches();
    inputs.push_back(constant != nullptr && type != schema::TensorType::float32
                         ? lowering.AddConstant(*constant, type, lift ? Lifted(shape) : shape)
                         : lowering.Use(input, params, lift ? Lifted(shape) : shape));
  }
  if (lift) out = Lifted(out);
  schema::ConcatT concat;
  concat.axis = static_cast<uint8_t>(axis + (lift ? 1 : 0));
  if (!node.clamp) {
    const uint16_t output = lowering.Define(node.outputs[0], params, out);
    lowering.Emit(node, std::move(concat), std::move(inputs), output);
    return;
  }
  const uint16_t unclamped = lowering.Temporary(params, out);
  lowering.Emit(node, std::move(concat), std::move(inputs), unclamped);
  EmitClamp(lowering, node, unclamped, params, out);
}

}  // namespace lutra::converter::lowering
