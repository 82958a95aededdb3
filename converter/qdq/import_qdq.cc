#include "converter/qdq/import_qdq.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "converter/error.h"
#include "converter/passes/passes.h"
#include "converter/qdq/constants.h"
#include "converter/qdq/expand_qoperators.h"
#include "converter/quantize/formats.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/quantize.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter {
namespace {

[[noreturn]] void Fail(const Node& node, const std::string& why) {
  throw Error("node '" + node.Label() + "' (" + node.op + "): " + why);
}

bool IsQuantize(const Node& node) { return node.op == "QuantizeLinear"; }
bool IsDequantize(const Node& node) { return node.op == "DequantizeLinear"; }

QuantParams ActivationParams(const Graph& graph, const Node& node) {
  const std::vector<float> scales = ScalesOf(graph, node);
  if (scales.size() != 1) Fail(node, "activations with a scale per channel are not executed");
  return {scales[0], ZeroPointsOf(graph, node, 1)[0]};
}

// A node of its own for a second format or name; unlike Identity it outlives the passes.
Node MakeCopy(const std::string& from, const std::string& to) {
  Node copy;
  copy.op = "Clip";
  copy.inputs = {from};
  copy.outputs = {to};
  return copy;
}

// A Pad of a quantized tensor holds its value as an integer.
void MakePadReal(Graph& graph, Node& pad, const QuantParams& params) {
  const Tensor* value = graph.Constant(pad.Input(2));
  if (value == nullptr || IsFloating(value->type())) return;
  const int64_t shift = value->type() == DataType::uint8 ? 128 : 0;
  const int64_t steps = value->ToInts().at(0) - shift - params.zero_point;
  const std::string name = graph.FreshName(pad.inputs[2] + "_real");
  graph.initializers[name] =
      Tensor::Of({}, std::vector<float>{params.scale * static_cast<float>(steps)});
  graph.values[name] = {DataType::float32, std::vector<int64_t>{}};
  pad.inputs[2] = name;
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
      const auto found = params.find(node.Input(0));
      if (node.op == "Pad" && found != params.end()) MakePadReal(graph, node, found->second);
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

// Values that quantized tensors are moved to or from share their parameters. Against the direction
// of data this holds only for what nobody else reads, and for the forms in another layout (`given`
// are the names that were there before these were made).
void Spread(const Graph& graph, const std::set<std::string>& given,
            std::map<std::string, QuantParams>& params) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const Node& node : graph.nodes) {
      const bool moves =
          node.op == "Identity" || IntegerFormOf(graph, node).form == IntegerForm::passive;
      if (!moves || node.op == "Concat") continue;
      const std::string& input = node.inputs[0];
      const auto in = params.find(input);
      const bool alone = graph.Consumers(input).size() == 1 && !graph.IsOutput(input);
      for (const std::string& output : node.outputs) {
        const auto out = params.find(output);
        if (in != params.end() && out == params.end()) {
          changed = params.emplace(output, in->second).second || changed;
        } else if (in == params.end() && out != params.end() && node.outputs.size() == 1 &&
                   (alone || !given.contains(input))) {
          changed = params.emplace(input, out->second).second || changed;
          break;
        }
      }
    }
  }
}

std::set<std::string> NamesIn(const Graph& graph) {
  std::set<std::string> names;
  for (const auto& [name, info] : graph.values) names.insert(name);
  return names;
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
      // What only moves floats is not worth a word.
      if (IntegerFormOf(graph, node).form == IntegerForm::passive) break;
      quantization.float_reason[node.Label()] =
          "the imported network gives no scale for '" + value + "'";
      break;
    }
  }
}

void StayFloat(const Node& node, const std::string& reason, Quantization& quantization) {
  quantization.integer_nodes.erase(node.Label());
  quantization.schemes[node.Label()].weights = WeightType::fp32;
  quantization.float_reason[node.Label()] = reason;
}

void AdoptWeights(const Graph& graph, const ConstantRecords& records, Quantization& quantization) {
  for (const Node& node : graph.nodes) {
    if (!HasWeights(graph, node) || !WhyNoWeightMatrix(graph, node).empty()) continue;
    const std::string& label = node.Label();
    if (const ConstantRecord* record = OperandRecord(node, records)) {
      if (auto weights = IntegersOf(graph, node, *record)) {
        quantization.weights[label] = std::move(*weights);
      } else {
        StayFloat(node, "its weights are no multiples of a scale per output channel", quantization);
      }
      continue;
    }
    // One factor for a channel (batch normalization) loses nothing by a scale of its own.
    if (quantization.IsInteger(node) && ReadWeightMatrix(graph, node).k > 1) {
      StayFloat(node, "the imported network does not quantize its weights", quantization);
    } else if (!quantization.IsInteger(node)) {
      quantization.schemes[label].weights = WeightType::fp32;
    }
  }
}

// int32 biases are taken as they are where they are in the units of our accumulators.
void AdoptBias(const Graph& graph, const ConstantRecords& records, Quantization& quantization) {
  constexpr double kSameScale = 1e-5;
  for (const Node& node : graph.nodes) {
    const auto bias = records.find(node.Input(2));
    const auto weights = quantization.weights.find(node.Label());
    if (bias == records.end() || weights == quantization.weights.end()) continue;
    if (!quantization.IsInteger(node) || node.Float("beta", 1.0F) != 1.0F) continue;
    const ConstantRecord& record = bias->second;
    const std::vector<float>& scales = weights->second.scale;
    if (record.bias.size() != scales.size()) continue;
    const double in = static_cast<double>(quantization.Params(node.inputs[0])->scale);
    bool same = true;
    for (size_t n = 0; n < scales.size(); ++n) {
      const double unit = in * static_cast<double>(scales[n]);
      const double given = static_cast<double>(record.scale[record.scale.size() == 1 ? 0 : n]);
      same = same && std::fabs(given - unit) <= kSameScale * unit;
    }
    if (same) quantization.bias[node.Label()] = record.bias;
  }
}

// Constant operands of arithmetic between tensors, with a scale for all.
void AdoptOperands(const Graph& graph, const ConstantRecords& records, Quantization& quantization) {
  for (const Node& node : graph.nodes) {
    const ConstantRecord* record = OperandRecord(node, records);
    if (record == nullptr || record->scale.size() != 1 || !quantization.IsInteger(node)) continue;
    if (IntegerFormOf(graph, node).form != IntegerForm::compute) continue;
    for (const std::string& input : node.inputs) {
      if (graph.Constant(input) == nullptr) continue;
      quantization.activations[input] = {record->scale[0], record->zero_point[0]};
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
  // Weights may be stored as float32 in front of a QuantizeLinear, or be turned as integers.
  InferShapes(graph);
  FoldConstants(graph);
  const ConstantRecords records = TakeConstants(graph);
  // The pairs that are left keep the passes from fusing across a rounding.
  FuseGraph(graph);
  MarkOperands(graph, records);
  Quantization quantization;
  quantization.activations = TakePairs(graph);
  const std::set<std::string> names = NamesIn(graph);
  Spread(graph, names, quantization.activations);
  LayOutGraph(graph);
  Spread(graph, names, quantization.activations);
  for (const Node& node : graph.nodes) quantization.schemes[node.Label()] = LayerScheme{};
  ChooseFormats(graph, quantization);
  KeepKnown(graph, quantization);
  AdoptWeights(graph, records, quantization);
  AdoptBias(graph, records, quantization);
  AdoptOperands(graph, records, quantization);
  QuantizeAllWeights(graph, {}, quantization);
  return quantization;
}

}  // namespace lutra::converter
