// Products in the one form that has kernels: Gemm by constant weights with a bias per output
// channel and its first factor as it is; every other Gemm -> MatMul, Transpose and arithmetic.
// MatMul by a vector -> MatMul by a matrix of one row or column.
#include <string_view>
#include <utility>

#include "converter/passes/expansion.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

/// Known before anything runs; the weights of a quantized network are dequantized constants.
bool IsGiven(const Connections& connections, const std::string& value) {
  const Graph& graph = connections.graph();
  if (value.empty() || graph.Constant(value) != nullptr) return true;
  const std::optional<size_t> producer = connections.Producer(value);
  return producer && connections.node(*producer).op == "DequantizeLinear" &&
         graph.Constant(connections.node(*producer).Input(0)) != nullptr;
}

/// The bias has one value for each of `n` columns, or one for all.
bool IsRow(const Connections& connections, const std::string& bias, int64_t n) {
  if (bias.empty()) return true;
  const auto* dims = KnownDims(connections.graph(), bias);
  if (dims == nullptr || !IsGiven(connections, bias)) return false;
  const auto elements = static_cast<int64_t>(ElementCount(*dims));
  return elements == 1 || (elements == n && dims->back() == n);
}

bool IsPlainGemm(const Connections& connections, const Node& node) {
  const auto* out = KnownDims(connections.graph(), node.outputs[0]);
  return out == nullptr || (node.Int("transA", 0) == 0 && IsGiven(connections, node.Input(1)) &&
                            IsRow(connections, node.Input(2), out->back()));
}

std::string Transposed(Expansion& expansion, const std::string& value, const char* attribute) {
  if (expansion.node().Int(attribute, 0) == 0) return value;
  return expansion.Add("Transpose", {value}, {{"perm", std::vector<int64_t>{1, 0}}});
}

std::string Scaled(Expansion& expansion, const std::string& value, const char* attribute) {
  const float factor = expansion.node().Float(attribute, 1.0F);
  return factor == 1 ? value : expansion.Add("Mul", {value, expansion.Float(factor)});
}

void ExpandGemm(const Connections& connections, Expansion& expansion) {
  const Node& node = expansion.node();
  const std::string a = Transposed(expansion, node.Input(0), "transA");
  const std::string bias = node.Input(2);
  const int64_t columns = KnownDims(connections.graph(), node.outputs[0])->back();
  const bool row = IsRow(connections, bias, columns);
  std::string product;
  if (IsGiven(connections, node.Input(1))) {
    std::map<std::string, Attribute> attributes = node.attributes;
    attributes.erase("transA");
    std::vector<std::string> inputs = {a, node.Input(1)};
    if (row && !bias.empty()) inputs.push_back(bias);
    product = expansion.Add("Gemm", std::move(inputs), std::move(attributes));
    if (row) return;
  } else {
    const std::string b = Transposed(expansion, node.Input(1), "transB");
    product = Scaled(expansion, expansion.Add("MatMul", {a, b}), "alpha");
    if (bias.empty()) return;
  }
  if (node.Float("beta", 1.0F) == 0) return;
  expansion.Add("Add", {product, Scaled(expansion, bias, "beta")});
}

bool HasVector(const Graph& graph, const Node& node) {
  const auto *a = KnownDims(graph, node.Input(0)), *b = KnownDims(graph, node.Input(1));
  if (a == nullptr || b == nullptr || KnownDims(graph, node.outputs[0]) == nullptr) return false;
  return a->size() == 1 || b->size() == 1;
}

void ExpandVectors(Expansion& expansion) {
  const Graph& graph = expansion.graph();
  const Node& node = expansion.node();
  std::string a = node.Input(0), b = node.Input(1);
  const std::vector<int64_t> row = *KnownDims(graph, a), column = *KnownDims(graph, b);
  const std::vector<int64_t> result = *KnownDims(graph, node.outputs[0]);
  std::vector<int64_t> whole = result;
  if (row.size() == 1) {
    a = expansion.Reshape(a, row, {1, row[0]});
    whole.insert(whole.end() - (column.size() == 1 ? 0 : 1), 1);
  }
  if (column.size() == 1) {
    b = expansion.Reshape(b, column, {column[0], 1});
    whole.push_back(1);
  }
  expansion.Reshape(expansion.Add("MatMul", {a, b}), whole, result);
}

}  // namespace

void CanonicalMatrix(Graph& graph) {
  Connections connections(graph);
  bool changed = false;
  for (size_t i = 0; i < connections.size(); ++i) {
    const Node& node = connections.node(i);
    if (!node.domain.empty()) continue;
    Expansion expansion(connections, i);
    if (node.op == "Gemm" && !IsPlainGemm(connections, node)) {
      ExpandGemm(connections, expansion);
    } else if (node.op == "MatMul" && HasVector(graph, node)) {
      ExpandVectors(expansion);
    } else {
      continue;
    }
    expansion.Finish();
    changed = true;
  }
  connections.Finish();
  if (changed) InferShapes(graph);
}

}  // namespace lutra::converter::passes
