// MatMul by a constant matrix, with or without an Add of a constant row -> Gemm with bias. Where
// the left side has more than two dimensions, the leading ones are made one by a Reshape around;
// that is only worth it for a bias, since a MatMul by constants is executed like a Gemm anyway.
#include <utility>

#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter {
namespace {

using Dims = std::vector<int64_t>;

/// The Add behind the MatMul whose other operand is a constant row of n elements.
struct Bias {
  size_t node;
  std::string value;
};

std::optional<Bias> FindBias(const Graph& graph, const std::string& product, int64_t n) {
  const std::optional<size_t> consumer = OnlyConsumer(graph, product);
  if (!consumer || graph.nodes[*consumer].op != "Add") return std::nullopt;
  const Node& add = graph.nodes[*consumer];
  const std::string& other = add.Input(add.Input(0) == product ? 1 : 0);
  const Tensor* row = graph.Constant(other);
  const auto* out = KnownDims(graph, product);
  if (row == nullptr || out == nullptr || row->rank() < 1 || row->rank() > out->size()) {
    return std::nullopt;
  }
  if (row->dims().back() != n || static_cast<int64_t>(row->elements()) != n) return std::nullopt;
  return Bias{*consumer, other};
}

Node MakeReshape(Graph& graph, const std::string& from, const std::string& to) {
  Node reshape;
  reshape.op = "Reshape";
  reshape.outputs = {to};
  reshape.inputs = {from,
                    AddReshapeTarget(graph, to, *KnownDims(graph, from), *KnownDims(graph, to))};
  return reshape;
}

void Rewrite(Graph& graph, size_t index, const std::optional<Bias>& bias) {
  Node gemm = graph.nodes[index];
  const std::string input = gemm.inputs[0];
  const Dims in = *KnownDims(graph, input);
  const int64_t n = graph.Constant(gemm.inputs[1])->dims()[1];
  gemm.op = "Gemm";
  if (bias) {
    const Tensor row = graph.Constant(bias->value)->Reshaped({n});
    gemm.inputs.push_back(AddInitializer(graph, bias->value + "_row", row));
    gemm.outputs = graph.nodes[bias->node].outputs;
    gemm.name = graph.nodes[bias->node].name;
    graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(bias->node));
  }
  if (in.size() == 2) {
    graph.nodes[index] = std::move(gemm);
    return;
  }
  const int64_t rows = static_cast<int64_t>(ElementCount(in)) / in.back();
  const std::string output = gemm.outputs[0];
  const std::string flat_in = graph.FreshName(input + "_rows");
  graph.values[flat_in] = {DataType::float32, Dims{rows, in.back()}};
  const std::string flat_out = graph.FreshName(output + "_rows");
  graph.values[flat_out] = {DataType::float32, Dims{rows, n}};
  gemm.inputs[0] = flat_in;
  gemm.outputs = {flat_out};
  const auto at = graph.nodes.begin() + static_cast<std::ptrdiff_t>(index);
  Node before = MakeReshape(graph, input, flat_in);
  Node after = MakeReshape(graph, flat_out, output);
  *at = std::move(after);
  graph.nodes.insert(graph.nodes.insert(at, std::move(gemm)), std::move(before));
}

}  // namespace

void MatMulToGemm(Graph& graph) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.op != "MatMul" || !node.domain.empty() || node.clamp) continue;
    const Tensor* weights = graph.Constant(node.Input(1));
    const auto* in = KnownDims(graph, node.Input(0));
    if (weights == nullptr || weights->rank() != 2 || weights->type() != DataType::float32)
      continue;
    if (in == nullptr || in->size() < 2 || ElementCount(*in) == 0) continue;
    const std::optional<Bias> bias = FindBias(graph, node.outputs[0], weights->dims()[1]);
    if (in->size() == 2 || bias) Rewrite(graph, i, bias);
  }
}

}  // namespace lutra::converter
