#include "converter/train/batch_product.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "converter/train/random_tensor.h"

namespace lutra::converter::train {
namespace {

constexpr int64_t kInputs = 7, kOutputs = 5;

/// Rows of all parts, in order.
std::vector<std::vector<double>> Rows(const std::vector<Tensor>& parts) {
  std::vector<std::vector<double>> rows;
  for (const Tensor& part : parts) {
    const auto values = part.as<float>();
    const auto columns = static_cast<size_t>(part.dims()[1]);
    for (size_t at = 0; at < values.size(); at += columns) {
      const auto row = values.subspan(at, columns);
      rows.emplace_back(row.begin(), row.end());
    }
  }
  return rows;
}

std::vector<const Tensor*> Pointers(const std::vector<Tensor>& tensors) {
  std::vector<const Tensor*> pointers;
  for (const Tensor& tensor : tensors) pointers.push_back(&tensor);
  return pointers;
}

Node Gemm(bool transposed) {
  Node node;
  node.op = "Gemm";
  node.attributes["transB"] = int64_t{transposed};
  return node;
}

bool Close(double a, double b) { return std::abs(a - b) < 1e-5; }

}  // namespace

TEST_CASE("a product over the whole minibatch is its definition, forward and backward") {
  for (const bool transposed : {false, true}) {
    for (const bool clamped : {false, true}) {
      Node node = Gemm(transposed);
      if (clamped) node.clamp = {.lo = -0.25F, .hi = 0.5F};
      const std::vector<Tensor> x = {RandomTensor({3, kInputs}, 1), RandomTensor({2, kInputs}, 2)};
      const std::vector<Tensor> dy = {RandomTensor({3, kOutputs}, 3),
                                      RandomTensor({2, kOutputs}, 4)};
      const Tensor weights =
          transposed ? RandomTensor({kOutputs, kInputs}, 5) : RandomTensor({kInputs, kOutputs}, 5);
      const Tensor bias = RandomTensor({1, kOutputs}, 6);
      const auto place = [&](size_t i, size_t o) {
        return transposed ? o * kInputs + i : i * kOutputs + o;
      };
      Workers workers(2);
      BatchProduct product;
      const std::vector<Tensor> y = product.Forward(node, Pointers(x), weights, &bias, workers);
      const BatchProduct::Gradients gradients = product.Backward(
          node, Pointers(y), Pointers(dy), weights, bias.dims(), {true, true, true}, workers);

      const auto rows = Rows(x), results = Rows(y);
      auto g = Rows(dy);
      for (size_t r = 0; r < rows.size(); ++r) {
        for (size_t o = 0; o < kOutputs; ++o) {
          double sum = static_cast<double>(bias.as<float>()[o]);
          for (size_t i = 0; i < kInputs; ++i) {
            sum += rows[r][i] * static_cast<double>(weights.as<float>()[place(i, o)]);
          }
          const double bounded = clamped ? std::clamp(sum, -0.25, 0.5) : sum;
          CHECK(Close(results[r][o], bounded));
          if (bounded != sum) g[r][o] = 0;
        }
      }
      const auto by_x = Rows(gradients.x);
      for (size_t i = 0; i < kInputs; ++i) {
        for (size_t o = 0; o < kOutputs; ++o) {
          double sum = 0;
          for (size_t r = 0; r < rows.size(); ++r) sum += rows[r][i] * g[r][o];
          CHECK(Close(static_cast<double>(gradients.weights.as<float>()[place(i, o)]), sum));
        }
        for (size_t r = 0; r < rows.size(); ++r) {
          double sum = 0;
          for (size_t o = 0; o < kOutputs; ++o) {
            sum += g[r][o] * static_cast<double>(weights.as<float>()[place(i, o)]);
          }
          CHECK(Close(by_x[r][i], sum));
        }
      }
      CHECK(gradients.bias.dims() == bias.dims());
      for (size_t o = 0; o < kOutputs; ++o) {
        double sum = 0;
        for (const auto& row : g) sum += row[o];
        CHECK(Close(static_cast<double>(gradients.bias.as<float>()[o]), sum));
      }
    }
  }
}

TEST_CASE("only what is wanted of a product is computed") {
  const std::vector<Tensor> x = {RandomTensor({1, 2}, 1)}, dy = {RandomTensor({1, 3}, 2)};
  const Tensor weights = RandomTensor({2, 3}, 3);
  Workers workers(1);
  BatchProduct product;
  const std::vector<Tensor> y =
      product.Forward(Gemm(false), Pointers(x), weights, nullptr, workers);
  const BatchProduct::Gradients gradients =
      product.Backward(Gemm(false), Pointers(y), Pointers(dy), weights, {}, {false, true}, workers);
  CHECK(gradients.x.empty());
  CHECK(gradients.bias.type() == DataType::undefined);
  CHECK(gradients.weights.dims() == weights.dims());
}

TEST_CASE("which Gemm is a product with a row as bias") {
  CHECK(IsBatchProduct(Gemm(true), {5, 7}, {5}));
  CHECK(IsBatchProduct(Gemm(false), {7, 5}, {1, 5}));
  CHECK(IsBatchProduct(Gemm(false), {7, 5}, {}));
  CHECK_FALSE(IsBatchProduct(Gemm(false), {7, 5}, {7}));
  CHECK_FALSE(IsBatchProduct(Gemm(false), {7, 5}, {3, 5}));
  CHECK_FALSE(IsBatchProduct(Gemm(false), {7, 5}, {1}));
  Node scaled = Gemm(false);
  scaled.attributes["alpha"] = 0.5F;
  CHECK_FALSE(IsBatchProduct(scaled, {7, 5}, {5}));
  Node turned = Gemm(false);
  turned.attributes["transA"] = int64_t{1};
  CHECK_FALSE(IsBatchProduct(turned, {7, 5}, {5}));
}

}  // namespace lutra::converter::train
