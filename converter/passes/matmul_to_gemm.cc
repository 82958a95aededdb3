// MatMul by a constant matrix, with or without an Add of a constant row -> Gemm with bias. Where
// the left side has more than two dimensions, the leading ones are made one by a Reshape around;
// that is only worth it for a bias, since a MatMul by constants is executed like a Gemm anyway.
#include <utility>

#include "converter/passes/connections.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

/// The Add behind the MatMul whose other operand is a constant row of n elements.
struct Bias {
  size_t node;
  std::string value;
};

std::optional<Bias> FindBias(const Connections& connections, const std::string& product,
                             int64_t n) {
  const Graph& graph = connections.graph();
  const std::optional<size_t> consumer = connections.OnlyConsumer(product);
  if (!consumer || connections.node(*consumer).op != "Add") return std::nullopt;
  const Node& add = connections.node(*consumer);
  const std::string& other = add.Input(add.Input(0) == product ? 1 : 0);
  const Tensor* row = graph.Constant(other);
  const auto* out = KnownDims(graph, product);
  if (row == nullptr || out == nullptr || row->rank() < 1 || row->rank() > out->size()) {
    return std::nullopt;
  }
  if (row->dims().back() != n || static_cast<int64_t>(row->elements()) != n) return std::nullopt;
  return Bias{*consumer, other};
}

Node MakeReshape(Connections& connections, const std::string& from, const std::string& to) {
  const Tensor target =
      ReshapeTarget(*KnownDims(connections.graph(), from), *KnownDims(connections.graph(), to));
  Node reshape;
  reshape.op = "Reshape";
  reshape.outputs = {to};
  reshape.inputs = {from, connections.AddInitializer(to + "_shape", target)};
  return reshape;
}

void Rewrite(Connections& connections, size_t index, const std::optional<Bias>& bias) {
  const Graph& graph = connections.graph();
  Node gemm = connections.node(index);
  const std::string input = gemm.inputs[0];
  const Dims in = *KnownDims(graph, input);
  const int64_t n = graph.Constant(gemm.inputs[1])->dims()[1];
  gemm.op = "Gemm";
  if (bias) {
    const Tensor row = graph.Constant(bias->value)->Reshaped({n});
    gemm.inputs.push_back(connections.AddInitializer(bias->value + "_row", row));
    gemm.outputs = connections.node(bias->node).outputs;
    gemm.name = connections.node(bias->node).name;
    connections.Remove(bias->node);
  }
  const auto replace = [&] {
    connections.Edit(index, [&](Node& node) { node = std::move(gemm); });
  };
  if (in.size() == 2) return replace();
  const int64_t rows = static_cast<int64_t>(ElementCount(in)) / in.back();
  const std::string output = gemm.outputs[0];
  const std::string flat_in = connections.FreshName(input + "_rows");
  connections.SetInfo(flat_in, {DataType::float32, Dims{rows, in.back()}});
  const std::string flat_out = connections.FreshName(output + "_rows");
  connections.SetInfo(flat_out, {DataType::float32, Dims{rows, n}});
  gemm.inputs[0] = flat_in;
  gemm.outputs = {flat_out};
  replace();
  connections.InsertBefore(index, MakeReshape(connections, input, flat_in));
  connections.InsertAfter(index, MakeReshape(connections, flat_out, output));
}

}  // namespace

void MatMulToGemm(Graph& graph) {
  Connections connections(graph);
  for (size_t i = 0; i < connections.size(); ++i) {
    const Node& node = connections.node(i);
    if (node.op != "MatMul" || !node.domain.empty() || node.clamp) continue;
    const Tensor* weights = graph.Constant(node.Input(1));
    const auto* in = KnownDims(graph, node.Input(0));
    if (weights == nullptr || weights->rank() != 2 || weights->type() != DataType::float32)
      continue;
    if (in == nullptr || in->size() < 2 || ElementCount(*in) == 0) continue;
    const std::optional<Bias> bias = FindBias(connections, node.outputs[0], weights->dims()[1]);
    if (in->size() == 2 || bias) Rewrite(connections, i, bias);
  }
  connections.Finish();
}

}  // namespace lutra::converter::passes
