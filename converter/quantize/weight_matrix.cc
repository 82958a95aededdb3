#include "converter/quantize/weight_matrix.h"

#include "converter/graph/product.h"

namespace lutra::converter::quantize {
namespace {

struct Shape {
  size_t n = 0, k = 0;
};

Shape MatrixShape(const Product& product, const Tensor& weights) {
  const auto n = static_cast<size_t>(weights.dims()[product.OutputAxis(weights.rank())]);
  return {n, weights.elements() / n};
}

}  // namespace

std::string WhyNoWeightMatrix(const Graph& graph, const Node& node) {
  const Tensor* weights = graph.Constant(node.Input(1));
  if (weights == nullptr) return "its weights are computed by the network";
  if (weights->elements() == 0) return "its weights are empty";
  const Product product = *ProductOf(node);
  if (product.convolves ? weights->rank() < 3 || weights->rank() > 4 : weights->rank() != 2) {
    return "weights of rank " + std::to_string(weights->rank());
  }
  if (node.Int("transA", 0) != 0) return "its first input is transposed (transA)";
  const std::string& bias = node.Input(2);
  if (bias.empty()) return "";
  const Tensor* constant = graph.Constant(bias);
  if (constant == nullptr) return "its bias is computed by the network";
  const size_t n = MatrixShape(product, *weights).n;
  if (constant->elements() != 1 &&
      (constant->elements() != n || static_cast<size_t>(constant->dims().back()) != n)) {
    return "its bias is not one value per output channel";
  }
  return "";
}

std::vector<size_t> WeightMatrixOrder(const Graph& graph, const Node& node) {
  const Tensor& weights = *graph.Constant(node.Input(1));
  const Product product = *ProductOf(node);
  const Shape shape = MatrixShape(product, weights);
  std::vector<size_t> order;
  order.reserve(shape.n * shape.k);
  if (product.convolves) {
    const size_t channels = static_cast<size_t>(weights.dims()[1]);
    const size_t taps = channels == 0 ? 0 : shape.k / channels;
    for (size_t n = 0; n < shape.n; ++n)
      for (size_t tap = 0; tap < taps; ++tap)
        for (size_t c = 0; c < channels; ++c) order.push_back((n * channels + c) * taps + tap);
    return order;
  }
  for (size_t n = 0; n < shape.n; ++n)
    for (size_t k = 0; k < shape.k; ++k)
      order.push_back(product.outputs_first ? n * shape.k + k : k * shape.n + n);
  return order;
}

WeightMatrix ReadWeightMatrix(const Graph& graph, const Node& node) {
  const Tensor& weights = *graph.Constant(node.Input(1));
  const Product product = *ProductOf(node);
  const Shape shape = MatrixShape(product, weights);
  WeightMatrix matrix{.n = shape.n, .k = shape.k, .values = {}, .bias = {}};
  const std::vector<float> values = weights.ToFloats();
  matrix.values.reserve(values.size());
  for (const size_t index : WeightMatrixOrder(graph, node)) {
    matrix.values.push_back(product.alpha * values[index]);
  }
  matrix.bias.assign(shape.n, 0.0F);
  if (!node.Input(2).empty()) {
    matrix.has_bias = true;
    const std::vector<float> bias = graph.Constant(node.Input(2))->ToFloats();
    for (size_t n = 0; n < shape.n; ++n) {
      matrix.bias[n] = product.beta * bias[bias.size() == 1 ? 0 : n];
    }
  }
  return matrix;
}

}  // namespace lutra::converter::quantize
