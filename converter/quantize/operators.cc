#include "converter/quantize/operators.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::quantize {
namespace {

// Of a power of two: finer steps of a Softmax's output help nobody.
constexpr int kSmallestProbability = -24;

using Names = std::set<std::string_view>;

// y[i] = f(x[i]), all parameters attributes or scalar constants.
const Names kUnary = {"Abs",      "Acos",  "Acosh",       "Asin",      "Asinh",
                      "Atan",     "Atanh", "Ceil",        "Celu",      "Clip",
                      "Cos",      "Cosh",  "Elu",         "Erf",       "Exp",
                      "Floor",    "Gelu",  "HardSigmoid", "HardSwish", "LeakyRelu",
                      "Log",      "Mish",  "Neg",         "PRelu",     "Reciprocal",
                      "Relu",     "Round", "Selu",        "Shrink",    "Sigmoid",
                      "Sign",     "Silu",  "Sin",         "Sinh",      "Softplus",
                      "Softsign", "Sqrt",  "Tan",         "Tanh",      "ThresholdedRelu"};
const Names kBinary = {"Add", "Sub", "Mul", "Div", "Min", "Max", "Pow"};
const Names kPassive = {"Reshape",  "Flatten",      "Squeeze",       "Unsqueeze",
                        "Identity", "Transpose",    "Slice",         "Split",
                        "Concat",   "MaxPool",      "GlobalMaxPool", "Pad",
                        "Gather",   "DepthToSpace", "SpaceToDepth",  "ReduceMax"};

bool IsScalarConstant(const Graph& graph, const std::string& value) {
  const Tensor* constant = graph.Constant(value);
  return constant != nullptr && constant->elements() == 1;
}

// The node reads one activation, and everything else it reads is a scalar constant.
bool IsFunctionOfOne(const Graph& graph, const Node& node) {
  size_t computed = 0;
  for (const std::string& input : node.inputs) {
    if (input.empty() || IsScalarConstant(graph, input)) continue;
    if (graph.Constant(input) != nullptr) return false;
    ++computed;
  }
  return computed == 1;
}

OperatorForm BinaryForm(const Graph& graph, const Node& node) {
  if (IsFunctionOfOne(graph, node)) return {IntegerForm::table, ""};
  const bool divides_by_constant =
      node.op == "Div" && node.inputs.size() == 2 && graph.Constant(node.Input(1)) != nullptr;
  if (node.op == "Add" || node.op == "Sub" || node.op == "Mul" || divides_by_constant) {
    return {IntegerForm::compute, ""};
  }
  return {IntegerForm::none, node.op + " of two tensors has no integer form"};
}

OperatorForm GatherForm(const Graph& graph, const Node& node) {
  if (graph.Constant(node.Input(0)) != nullptr || graph.Constant(node.Input(1)) == nullptr) {
    return {IntegerForm::none, "its indices are computed by the network"};
  }
  return {IntegerForm::passive, ""};
}

}  // namespace

bool HasWeights(const Graph& graph, const Node& node) {
  return (node.op == "Conv" || node.op == "Gemm" || node.op == "MatMul") &&
         graph.Constant(node.Input(1)) != nullptr && graph.Constant(node.Input(0)) == nullptr;
}

std::vector<std::string> ActivationInputs(const Graph& graph, const Node& node) {
  // Further inputs of these are shapes, axes, indices, limits or weights.
  static const Names kOnlyFirst = {
      "Reshape",   "Squeeze",    "Unsqueeze", "Slice",      "Split",     "Pad",
      "Gather",    "Resize",     "Clip",      "ReduceMean", "ReduceSum", "ReduceMax",
      "ReduceMin", "ReduceProd", "ReduceL2",  "Expand",     "Tile"};
  std::vector<std::string> result;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (i > 0 && kOnlyFirst.contains(node.op)) break;
    const std::string& input = node.inputs[i];
    if (input.empty() || graph.Constant(input) != nullptr) continue;
    if (std::find(result.begin(), result.end(), input) == result.end()) result.push_back(input);
  }
  return result;
}

OperatorForm IntegerFormOf(const Graph& graph, const Node& node) {
  if (!node.domain.empty()) return {IntegerForm::none, "domain " + node.domain};
  if (HasWeights(graph, node)) {
    if (std::string why = WhyNoWeightMatrix(graph, node); !why.empty()) {
      if (node.op == "MatMul") return {IntegerForm::compute, ""};
      return {IntegerForm::none, why};
    }
    return {IntegerForm::weights, ""};
  }
  if (node.op == "MatMul") return {IntegerForm::compute, ""};
  if (kUnary.contains(node.op)) {
    if (IsFunctionOfOne(graph, node)) return {IntegerForm::table, ""};
    return {IntegerForm::none, node.op + " differs from channel to channel"};
  }
  if (kBinary.contains(node.op)) return BinaryForm(graph, node);
  if (node.op == "Gather") return GatherForm(graph, node);
  if (node.op == "Resize") {
    const std::string mode = node.String("mode", "nearest");
    if (mode == "nearest") return {IntegerForm::passive, ""};
    if (mode == "linear") return {IntegerForm::compute, ""};
    return {IntegerForm::none, "Resize mode " + mode};
  }
  if (kPassive.contains(node.op)) return {IntegerForm::passive, ""};
  static const Names kCompute = {"AveragePool", "GlobalAveragePool", "ReduceMean",
                                 "ReduceSum",   "Softmax",           "LogSoftmax"};
  if (kCompute.contains(node.op)) return {IntegerForm::compute, ""};
  return {IntegerForm::none, node.op + " has no integer form"};
}

QuantParams ProbabilityParams(double largest) {
  int exponent = 0;
  if (largest > 0 && largest < 1) {
    const double fraction = std::frexp(largest, &exponent);
    if (fraction == 0.5) --exponent;  // a power of two itself
  }
  return {std::ldexp(1.0F, std::max(exponent, kSmallestProbability) - 8), -128};
}

bool IsFinalSoftmax(const Graph& graph, const Node& node) {
  if (node.op != "Softmax" && node.op != "LogSoftmax") return false;
  static const Names kMoves = {"Reshape",   "Flatten",  "Squeeze",
                               "Unsqueeze", "Identity", "Transpose"};
  std::string value = node.outputs[0];
  while (!graph.IsOutput(value)) {
    const std::vector<size_t> consumers = graph.Consumers(value);
    if (consumers.size() != 1 || !kMoves.contains(graph.nodes[consumers[0]].op)) return false;
    value = graph.nodes[consumers[0]].outputs[0];
  }
  return true;
}

}  // namespace lutra::converter::quantize
