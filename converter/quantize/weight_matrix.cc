#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::quantize {
namespace {

// Gemm stores [n][k] (transB) or [k][n]; MatMul is Gemm without transB.
struct Shape {
  size_t n = 0, k = 0;
};

Shape MatrixShape(const Node& node, const Tensor& weights) {
  const auto& dims = weights.dims();
  const auto at = [&](size_t i) { return static_cast<size_t>(dims[i]); };
  if (node.op == "Conv") return {at(0), weights.elements() / at(0)};
  return node.Int("transB", 0) != 0 ? Shape{at(0), at(1)} : Shape{at(1), at(0)};
}

}  // namespace

std::string WhyNoWeightMatrix(const Graph& graph, const Node& node) {
  const Tensor* weights = graph.Constant(node.Input(1));
  if (weights == nullptr) return "its weights are computed by the network";
  if (weights->elements() == 0) return "its weights are empty";
  if (node.op == "Conv" ? weights->rank() < 3 || weights->rank() > 4 : weights->rank() != 2) {
    return "weights of rank " + std::to_string(weights->rank());
  }
  if (node.Int("transA", 0) != 0) return "its first input is transposed (transA)";
  const std::string& bias = node.Input(2);
  if (bias.empty() || node.op == "MatMul") return "";
  const Tensor* constant = graph.Constant(bias);
  if (constant == nullptr) return "its bias is computed by the network";
  const size_t n = MatrixShape(node, *weights).n;
  if (constant->elements() != 1 &&
      (constant->elements() != n || static_cast<size_t>(constant->dims().back()) != n)) {
    return "its bias is not one value per output channel";
  }
  return "";
}

std::vector<size_t> WeightMatrixOrder(const Graph& graph, const Node& node) {
  const Tensor& weights = *graph.Constant(node.Input(1));
  const Shape shape = MatrixShape(node, weights);
  std::vector<size_t> order;
  order.reserve(shape.n * shape.k);
  if (node.op == "Conv") {
    const size_t channels = static_cast<size_t>(weights.dims()[1]);
    const size_t taps = channels == 0 ? 0 : shape.k / channels;
    for (size_t n = 0; n < shape.n; ++n)
      for (size_t tap = 0; tap < taps; ++tap)
        for (size_t c = 0; c < channels; ++c) order.push_back((n * channels + c) * taps + tap);
    return order;
  }
  const bool rows_are_outputs = node.Int("transB", 0) != 0;
  for (size_t n = 0; n < shape.n; ++n)
    for (size_t k = 0; k < shape.k; ++k)
      order.push_back(rows_are_outputs ? n * shape.k + k : k * shape.n + n);
  return order;
}

WeightMatrix ReadWeightMatrix(const Graph& graph, const Node& node) {
  const Tensor& weights = *graph.Constant(node.Input(1));
  const Shape shape = MatrixShape(node, weights);
  WeightMatrix matrix{.n = shape.n, .k = shape.k, .values = {}, .bias = {}};
  const float alpha = node.op == "Gemm" ? node.Float("alpha", 1.0F) : 1.0F;
  const float beta = node.op == "Gemm" ? node.Float("beta", 1.0F) : 1.0F;
  const std::vector<float> values = weights.ToFloats();
  matrix.values.reserve(values.size());
  for (const size_t index : WeightMatrixOrder(graph, node)) {
    matrix.values.push_back(alpha * values[index]);
  }
  matrix.bias.assign(shape.n, 0.0F);
  if (node.op != "MatMul" && !node.Input(2).empty()) {
    matrix.has_bias = true;
    const std::vector<float> bias = graph.Constant(node.Input(2))->ToFloats();
    for (size_t n = 0; n < shape.n; ++n) matrix.bias[n] = beta * bias[bias.size() == 1 ? 0 : n];
  }
  return matrix;
}

}  // namespace lutra::converter::quantize
