#include "converter/qdq/import_qdq.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "converter/error.h"
#include "converter/passes/passes.h"
#include "converter/qdq/expand_qoperators.h"
#include "converter/quantize/formats.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/quantize.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter {
namespace {

constexpr const char* kRecord = "lutra_weights";  // node attribute: name in Records

// A constant that was integers: what they were.
struct Record {
  std::vector<float> scale;
  std::vector<int32_t> zero_point;  // of int8 values
  int64_t axis = 0;
  std::vector<int32_t> integers;  // of int32 (biases) only, in the tensor's order
};

using Records = std::map<std::string, Record>;

[[noreturn]] void Fail(const Node& node, const std::string& why) {
  throw Error("node '" + node.Label() + "' (" + node.op + "): " + why);
}

bool IsQuantize(const Node& node) { return node.op == "QuantizeLinear"; }
bool IsDequantize(const Node& node) { return node.op == "DequantizeLinear"; }

std::vector<float> Scales(const Graph& graph, const Node& node) {
  const Tensor* scale = graph.Constant(node.Input(1));
  if (scale == nullptr || scale->elements() == 0) Fail(node, "its scale is no constant");
  return scale->ToFloats();
}

// Zero points of int8 values: uint8 is shifted by 128.
std::vector<int32_t> ZeroPoints(const Graph& graph, const Node& node, size_t count) {
  const Tensor* zero_point = graph.Constant(node.Input(2));
  if (zero_point == nullptr) {
    if (!node.Input(2).empty()) Fail(node, "its zero point is no constant");
    // Without a zero point QuantizeLinear writes uint8; DequantizeLinear takes its input's type.
    const ValueInfo* info = graph.Info(node.Input(0));
    const Tensor* constant = graph.Constant(node.Input(0));
    const DataType type = constant ? constant->type() : info ? info->type : DataType::undefined;
    const bool is_unsigned = IsQuantize(node) || type == DataType::uint8;
    return std::vector<int32_t>(count, is_unsigned ? -128 : 0);
  }
  if (zero_point->type() != DataType::uint8 && zero_point->type() != DataType::int8 &&
      zero_point->type() != DataType::int32) {
    Fail(node, "quantizes to " + std::string(DataTypeName(zero_point->type())) +
                   "; int8 and uint8 are executed");
  }
  const int32_t shift = zero_point->type() == DataType::uint8 ? 128 : 0;
  std::vector<int32_t> result;
  for (const int64_t z : zero_point->ToInts()) result.push_back(static_cast<int32_t>(z) - shift);
  if (result.size() == 1) result.resize(count, result[0]);
  if (result.size() != count) Fail(node, "has other numbers of scales and zero points");
  return result;
}

QuantParams ActivationParams(const Graph& graph, const Node& node) {
  const std::vector<float> scales = Scales(graph, node);
  if (scales.size() != 1) Fail(node, "activations with a scale per channel are not executed");
  if (!std::isnormal(scales[0]) || scales[0] <= 0) Fail(node, "its scale is not a positive number");
  return {scales[0], ZeroPoints(graph, node, 1)[0]};
}

// DequantizeLinear of constants -> float initializers of the same name.
Records TakeConstants(Graph& graph) {
  Records records;
  std::vector<Node> kept;
  for (Node& node : graph.nodes) {
    const Tensor* constant = IsDequantize(node) ? graph.Constant(node.Input(0)) : nullptr;
    if (constant == nullptr) {
      kept.push_back(std::move(node));
      continue;
    }
    Record record;
    record.scale = Scales(graph, node);
    const bool is_unsigned = constant->type() == DataType::uint8;
    record.zero_point = constant->type() == DataType::int32
                            ? std::vector<int32_t>(record.scale.size(), 0)
                            : ZeroPoints(graph, node, record.scale.size());
    record.axis = node.Int("axis", 1);
    if (record.axis < 0) record.axis += static_cast<int64_t>(constant->rank());
    size_t inner = 1;
    for (size_t d = static_cast<size_t>(record.axis) + 1; d < constant->rank(); ++d) {
      inner *= static_cast<size_t>(constant->dims()[d]);
    }
    std::vector<float> real;
    const std::vector<int64_t> integers = constant->ToInts();
    for (size_t i = 0; i < integers.size(); ++i) {
      const size_t channel = record.scale.size() == 1 ? 0 : i / inner % record.scale.size();
      const int64_t q = integers[i] - (is_unsigned ? 128 : 0) - record.zero_point[channel];
      real.push_back(static_cast<float>(q) * record.scale[channel]);
      if (constant->type() == DataType::int32) {
        record.integers.push_back(static_cast<int32_t>(integers[i]));
      }
    }
    const std::vector<int64_t> dims = constant->dims();
    graph.initializers[node.outputs[0]] = Tensor::Of(dims, std::move(real));
    graph.values[node.outputs[0]] = {DataType::float32, dims};
    records[node.outputs[0]] = std::move(record);
  }
  graph.nodes = std::move(kept);
  return records;
}

// A node of its own for a second format or name; unlike Identity it outlives the passes.
Node MakeCopy(const std::string& from, const std::string& to) {
  Node copy;
  copy.op = "Clip";
  copy.inputs = {from};
  copy.outputs = {to};
  return copy;
}

// Quantize and Dequantize around activations -> parameters of the float value they stand for.
std::map<std::string, QuantParams> TakePairs(Graph& graph) {
  std::map<std::string, QuantParams> params;
  std::map<std::string, std::string> real;  // quantized value -> float value
  std::vector<Node> kept;
  for (Node& node : graph.nodes) {
    for (std::string& input : node.inputs) {
      if (const auto found = real.find(input); found != real.end()) input = found->second;
    }
    if (!IsQuantize(node) && !IsDequantize(node)) {
      kept.push_back(std::move(node));
      continue;
    }
    const std::string value = node.inputs[0];
    const QuantParams own = ActivationParams(graph, node);
    const auto known = params.emplace(value, own).first;
    if (known->second == own) {
      real[node.outputs[0]] = value;
      continue;
    }
    // The same value in a second format.
    params[node.outputs[0]] = own;
    kept.push_back(MakeCopy(value, node.outputs[0]));
  }
  graph.nodes = std::move(kept);
  for (const std::string& input : graph.inputs) {
    if (params.contains(input)) graph.values[input].type = DataType::float32;
  }
  for (std::string& output : graph.outputs) {
    const auto found = real.find(output);
    if (found == real.end()) continue;
    // The output's name stays, for callers ask for it.
    const std::string value = found->second;
    if (graph.IsOutput(value) || std::ranges::find(graph.inputs, value) != graph.inputs.end()) {
      params[output] = params.at(value);
      graph.values[output] = graph.values[value];
      graph.nodes.push_back(MakeCopy(value, output));
      continue;
    }
    for (Node& node : graph.nodes) {
      std::ranges::replace(node.inputs, value, output);
      std::ranges::replace(node.outputs, value, output);
    }
    params[output] = params.at(value);
    graph.values[output] = {DataType::float32, graph.values[value].dims};
    for (auto& [quantized, name] : real) {
      if (name == value) name = output;
    }
  }
  for (auto& [value, info] : graph.values) {
    if (info.type == DataType::uint8 || info.type == DataType::int8) info.type = DataType::float32;
  }
  return params;
}

// Values moved by the layout pass or by nodes that quantized tensors pass through unchanged.
void Spread(const Graph& graph, std::map<std::string, QuantParams>& params) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const Node& node : graph.nodes) {
      const bool moves =
          node.op == "Identity" || IntegerFormOf(graph, node).form == IntegerForm::passive;
      if (!moves || node.op == "Concat") continue;
      const auto in = params.find(node.inputs[0]);
      for (const std::string& output : node.outputs) {
        const auto out = params.find(output);
        if (in != params.end() && out == params.end()) {
          changed = params.emplace(output, in->second).second || changed;
        } else if (in == params.end() && out != params.end()) {
          changed = params.emplace(node.inputs[0], out->second).second || changed;
          break;
        }
      }
    }
  }
}

// The integers behind a node's weights, in the order of WeightMatrix; none when the float weights
// are no longer multiples of the recorded scale.
std::optional<QuantizedWeights> IntegersOf(const Graph& graph, const Node& node,
                                           const Record& record) {
  const WeightMatrix matrix = ReadWeightMatrix(graph, node);
  const float alpha = node.op == "Gemm" ? node.Float("alpha", 1.0F) : 1.0F;
  QuantizedWeights result{.n = matrix.n,
                          .k = matrix.k,
                          .bits = 8,
                          .values = {},
                          .scale = record.scale,
                          .zero_point = {}};
  if (record.scale.size() == 1) result.scale.resize(matrix.n, record.scale[0]);
  if (result.scale.size() != matrix.n) return std::nullopt;
  for (float& scale : result.scale) scale *= alpha;
  const bool asymmetric = std::ranges::any_of(record.zero_point, [](int32_t z) { return z != 0; });
  const auto zero_point = [&](size_t n) {
    return record.zero_point[record.zero_point.size() == 1 ? 0 : n];
  };
  for (size_t n = 0; n < matrix.n; ++n) {
    if (asymmetric) result.zero_point.push_back(static_cast<int8_t>(zero_point(n)));
    for (size_t k = 0; k < matrix.k; ++k) {
      const float exact = matrix.values[n * matrix.k + k] / result.scale[n];
      const float q = std::nearbyint(exact) + static_cast<float>(zero_point(n));
      if (std::fabs(exact - std::nearbyint(exact)) > 0.01F || q < -128 || q > 127) {
        return std::nullopt;
      }
      result.values.push_back(static_cast<int8_t>(q));
    }
  }
  return result;
}

// Only nodes all of whose values have parameters compute in integers.
void KeepKnown(const Graph& graph, Quantization& quantization) {
  for (const Node& node : graph.nodes) {
    if (!quantization.IsInteger(node)) continue;
    std::vector<std::string> values = ActivationInputs(graph, node);
    values.insert(values.end(), node.outputs.begin(), node.outputs.end());
    for (const std::string& value : values) {
      if (value.empty() || quantization.Params(value) != nullptr) continue;
      quantization.integer_nodes.erase(node.Label());
      quantization.float_reason[node.Label()] =
          "the imported network gives no scale for '" + value + "'";
      break;
    }
  }
}

void AdoptWeights(const Graph& graph, const Records& records, Quantization& quantization) {
  for (const Node& node : graph.nodes) {
    if (!HasWeights(graph, node) || !WhyNoWeightMatrix(graph, node).empty()) continue;
    const std::string& label = node.Label();
    const auto record = records.find(node.String(kRecord, ""));
    if (record != records.end()) {
      if (auto weights = IntegersOf(graph, node, record->second)) {
        quantization.weights[label] = std::move(*weights);
      }
    }
    if (!quantization.IsInteger(node)) {
      // Weights that were left in float stay so.
      if (record == records.end()) quantization.schemes[label].weights = WeightType::fp32;
      continue;
    }
    const auto bias = records.find(node.Input(2));
    if (bias != records.end() && !bias->second.integers.empty() &&
        quantization.weights.contains(label) &&
        bias->second.integers.size() == quantization.weights.at(label).n) {
      quantization.bias[label] = bias->second.integers;
    }
  }
}

}  // namespace

bool IsQuantized(const Graph& graph) {
  return std::ranges::any_of(graph.nodes, [](const Node& node) {
    return IsQuantize(node) || IsDequantize(node) || IsQOperator(node);
  });
}

Quantization ImportQuantized(Graph& graph) {
  ExpandQOperators(graph);
  const Records records = TakeConstants(graph);
  // The pairs that are left keep the passes from fusing across a rounding.
  FuseGraph(graph);
  for (Node& node : graph.nodes) {
    if (records.contains(node.Input(1))) node.attributes[kRecord] = node.inputs[1];
  }
  Quantization quantization;
  quantization.activations = TakePairs(graph);
  LayOutGraph(graph);
  for (const Node& node : graph.nodes) quantization.schemes[node.Label()] = LayerScheme{};
  Spread(graph, quantization.activations);
  ChooseFormats(graph, quantization);
  KeepKnown(graph, quantization);
  AdoptWeights(graph, records, quantization);
  QuantizeAllWeights(graph, {}, quantization);
  return quantization;
}

}  // namespace lutra::converter
