#include "converter/quantize/operators.h"

#include <algorithm>
#include <cmath>

#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::quantize {
namespace {

// Of a power of two: finer steps of a Softmax's output help nobody.
constexpr int kSmallestProbability = -24;

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

/// Sums and products of two tensors; quotients only by a constant.
OperatorForm ArithmeticForm(const Graph& graph, const Node& node) {
  const bool divides = node.op == "Div" && graph.Constant(node.Input(1)) == nullptr;
  const OperatorRow* row = FindRow(node.domain, node.op);
  if (row->form != IntegerForm::compute || divides) {
    return {IntegerForm::none, node.op + " of two tensors has no integer form"};
  }
  return {IntegerForm::compute, ""};
}

OperatorForm GatherForm(const Graph& graph, const Node& node) {
  if (graph.Constant(node.Input(0)) != nullptr || graph.Constant(node.Input(1)) == nullptr) {
    return {IntegerForm::none, "its indices are computed by the network"};
  }
  return {IntegerForm::passive, ""};
}

}  // namespace

bool HasWeights(const Graph& graph, const Node& node) {
  return ProductOf(node) && graph.Constant(node.Input(1)) != nullptr &&
         graph.Constant(node.Input(0)) == nullptr;
}

bool IsDepthwise(const Graph& graph, const Node& node) {
  if (node.op != "Conv" || !HasWeights(graph, node)) return false;
  return node.Int("group", 1) > 1 && graph.Constant(node.inputs[1])->dims()[1] == 1;
}

bool IsDynamic(const Quantization& quantization, const std::string& label, const Product& product) {
  const LayerScheme& scheme = quantization.schemes.at(label);
  return scheme.HasIntegers() && !quantization.integer_nodes.contains(label) &&
         scheme.activations == ActivationType::dynamic && !product.convolves;
}

bool IsWide(const Graph& graph, const Node& node, const LayerScheme& scheme) {
  return scheme.activations == ActivationType::wide && scheme.HasIntegers() &&
         HasWeights(graph, node) && WhyNoWeightMatrix(graph, node).empty() &&
         !IsDepthwise(graph, node);
}

std::vector<std::string> ActivationInputs(const Graph& graph, const Node& node) {
  std::vector<std::string> result;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Role role = RoleOf(node, i);
    if (i > 0 && (role == Role::shape || role == Role::parameter)) continue;
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
      if (Is(node, kArithmetic)) return {IntegerForm::compute, ""};
      return {IntegerForm::none, why};
    }
    return {IntegerForm::weights, ""};
  }
  const OperatorRow* row = FindRow(node.domain, node.op);
  const IntegerForm form = row == nullptr ? IntegerForm::none : row->form;
  if (Is(node, kFunction)) {
    if (IsFunctionOfOne(graph, node)) return {IntegerForm::table, ""};
    if (form != IntegerForm::table) return ArithmeticForm(graph, node);
    return {IntegerForm::none, node.op + " differs from channel to channel"};
  }
  if (Is(node, kArithmetic)) return {IntegerForm::compute, ""};
  if (node.op == "Gather") return GatherForm(graph, node);
  if (node.op == "Resize") {
    const std::string mode = node.String("mode", "nearest");
    if (mode == "nearest") return {IntegerForm::passive, ""};
    if (mode == "linear") return {IntegerForm::compute, ""};
    return {IntegerForm::none, "Resize mode " + mode};
  }
  if (form == IntegerForm::passive || form == IntegerForm::compute) return {form, ""};
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
  std::string value = node.outputs[0];
  while (!graph.IsOutput(value)) {
    const std::vector<size_t> consumers = graph.Consumers(value);
    if (consumers.size() != 1 || !Is(graph.nodes[consumers[0]], kView)) return false;
    value = graph.nodes[consumers[0]].outputs[0];
  }
  return true;
}

}  // namespace lutra::converter::quantize
