#include "converter/qdq/constants.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "converter/error.h"
#include "converter/graph/operator_table.h"
#include "converter/graph/product.h"
#include "converter/graph/shape.h"
#include "converter/passes/rewrite.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::qdq {
namespace {

constexpr const char* kOperandMark = "lutra_operand";  // node attribute: name in the records

ConstantRecord ReadRecord(const Graph& graph, const Node& node, const Tensor& constant) {
  ConstantRecord record;
  record.type = constant.type();
  record.scale = ScalesOf(graph, node);
  record.zero_point = ZeroPointsOf(graph, node, record.scale.size(), constant.type());
  if (constant.type() == DataType::int32) {
    for (const int64_t q : constant.ToInts()) record.bias.push_back(static_cast<int32_t>(q));
    if (std::ranges::any_of(record.zero_point, [](int32_t z) { return z != 0; })) {
      Fail(node, "int32 values with a zero point");
    }
  }
  return record;
}

// Elements that stand behind each other in one channel.
size_t ChannelStride(const Node& node, const Tensor& constant, size_t channels) {
  if (channels == 1) return constant.elements();
  // The default axis of opset 13 does not exist in a tensor of one.
  const size_t axis = constant.rank() == 1 ? 0 : AxisOf(node, node.Int("axis", 1), constant.rank());
  if (constant.dims()[axis] != static_cast<int64_t>(channels)) {
    Fail(node,
         "has " + std::to_string(channels) + " scales for values of " + DimsText(constant.dims()));
  }
  size_t stride = 1;
  for (size_t d = axis + 1; d < constant.rank(); ++d) {
    stride *= static_cast<size_t>(constant.dims()[d]);
  }
  return stride;
}

Tensor RealValues(const Node& node, const Tensor& constant, const ConstantRecord& record) {
  const size_t channels = record.scale.size();
  const size_t stride = ChannelStride(node, constant, channels);
  const int64_t shift = constant.type() == DataType::uint8 ? 128 : 0;
  const std::vector<int64_t> integers = constant.ToInts();
  std::vector<float> real;
  real.reserve(integers.size());
  for (size_t i = 0; i < integers.size(); ++i) {
    const size_t channel = channels == 1 ? 0 : i / stride % channels;
    const int64_t q = integers[i] - shift - record.zero_point[channel];
    real.push_back(static_cast<float>(q) * record.scale[channel]);
  }
  return Tensor::Of(constant.dims(), std::move(real));
}

}  // namespace

std::vector<float> ScalesOf(const Graph& graph, const Node& node) {
  const Tensor* scale = graph.Constant(node.Input(1));
  if (scale == nullptr || scale->elements() == 0) Fail(node, "its scale is no constant");
  const std::vector<float> scales = scale->ToFloats();
  for (const float s : scales) {
    if (!std::isnormal(s) || s <= 0) Fail(node, "its scale is not a positive number");
  }
  return scales;
}

std::vector<int32_t> ZeroPointsOf(const Graph& graph, const Node& node, size_t count,
                                  DataType type) {
  const Tensor* zero_point = graph.Constant(node.Input(2));
  if (zero_point == nullptr && !node.Input(2).empty()) Fail(node, "its zero point is no constant");
  if (zero_point != nullptr && node.op == "DequantizeLinear" && zero_point->type() != type) {
    Fail(node, "its zero point is " + std::string(DataTypeName(zero_point->type())) +
                   ", its integers are " + std::string(DataTypeName(type)));
  }
  if (type != DataType::uint8 && type != DataType::int8 && type != DataType::int32) {
    Fail(node, "quantizes to " + std::string(DataTypeName(type)) + "; int8 and uint8 are executed");
  }
  const int32_t shift = type == DataType::uint8 ? 128 : 0;
  if (zero_point == nullptr) return std::vector<int32_t>(count, -shift);
  std::vector<int32_t> result;
  for (const int64_t z : zero_point->ToInts()) result.push_back(static_cast<int32_t>(z) - shift);
  if (result.size() == 1) result.resize(count, result[0]);
  if (result.size() != count) Fail(node, "has other numbers of scales and zero points");
  return result;
}

DataType QuantizedType(const Graph& graph, const Node& quantize) {
  if (const Tensor* zero_point = graph.Constant(quantize.Input(2))) return zero_point->type();
  const auto stated = static_cast<DataType>(quantize.Int("output_dtype", 0));
  return stated == DataType::undefined ? DataType::uint8 : stated;
}

ConstantRecords TakeConstants(Graph& graph) {
  ConstantRecords records;
  std::vector<Node> kept;
  for (Node& node : std::exchange(graph.nodes, {})) {
    const std::string& output = node.outputs[0];
    const Tensor* constant =
        node.op == "DequantizeLinear" ? graph.Constant(node.Input(0)) : nullptr;
    if (constant != nullptr) {
      ConstantRecord record = ReadRecord(graph, node, *constant);
      Tensor real = RealValues(node, *constant, record);
      graph.values[output] = {DataType::float32, real.dims()};
      graph.initializers[output] = std::move(real);
      records[output] = std::move(record);
      continue;
    }
    // A constant keeps its scales (of the output channels).
    if (const auto found = records.find(node.Input(0)); found != records.end() && Is(node, kView)) {
      records[output] = found->second;
    }
    kept.push_back(std::move(node));
  }
  graph.nodes = std::move(kept);
  return records;
}

void MarkOperands(Graph& graph, const ConstantRecords& records) {
  for (Node& node : graph.nodes) {
    for (size_t i = 0; i < node.inputs.size() && i < 2; ++i) {
      if (records.contains(node.inputs[i])) node.attributes[kOperandMark] = node.inputs[i];
    }
  }
}

const ConstantRecord* OperandRecord(const Node& node, const ConstantRecords& records) {
  const auto found = records.find(node.String(kOperandMark, ""));
  return found == records.end() ? nullptr : &found->second;
}

std::optional<quantize::QuantizedWeights> IntegersOf(const Graph& graph, const Node& node,
                                                     const ConstantRecord& record) {
  const quantize::WeightMatrix matrix = quantize::ReadWeightMatrix(graph, node);
  const float alpha = ProductOf(node)->alpha;
  if (record.type == DataType::int32 || alpha <= 0) return std::nullopt;
  quantize::QuantizedWeights result{.n = matrix.n,
                                    .k = matrix.k,
                                    .bits = 8,
                                    .values = {},
                                    .scale = record.scale,
                                    .zero_point = {}};
  std::vector<int32_t> zero_points = record.zero_point;
  if (result.scale.size() == 1) {
    result.scale.resize(matrix.n, record.scale[0]);
    zero_points.resize(matrix.n, record.zero_point[0]);
  }
  if (result.scale.size() != matrix.n) return std::nullopt;
  for (float& scale : result.scale) scale *= alpha;
  const bool asymmetric = std::ranges::any_of(zero_points, [](int32_t z) { return z != 0; });
  result.values.reserve(matrix.values.size());
  for (size_t n = 0; n < matrix.n; ++n) {
    if (asymmetric) result.zero_point.push_back(static_cast<int8_t>(zero_points[n]));
    for (size_t k = 0; k < matrix.k; ++k) {
      const float exact = matrix.values[n * matrix.k + k] / result.scale[n];
      const float q = std::nearbyint(exact) + static_cast<float>(zero_points[n]);
      // Also false for NaN.
      const bool multiple = std::fabs(exact - std::nearbyint(exact)) < 0.01F;
      if (!multiple || q < -128 || q > 127) return std::nullopt;
      result.values.push_back(static_cast<int8_t>(q));
    }
  }
  return result;
}

}  // namespace lutra::converter::qdq
