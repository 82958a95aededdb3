// Two layers, y = V h, h = W x, whose numbers a test can work out.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/quantize/quantize.h"
#include "converter/train/given_samples.h"

namespace lutra::converter::budget {

inline const std::vector<float> kFirst = {0.9F, -0.31F, 0.17F, 0.55F},
                                kSecond = {0.4F, 0.83F, -0.62F, 0.21F};

/// Outputs are y and, where wanted, h, so that it is no classifier. `first` and `second` have
/// `size` rows of as many.
inline Graph TwoLayers(bool both_outputs, int64_t size = 2, std::vector<float> first = kFirst,
                       std::vector<float> second = kSecond) {
  Graph graph;
  graph.inputs = {"x"};
  graph.outputs = {"y"};
  if (both_outputs) graph.outputs.emplace_back("h");
  for (const char* value : {"x", "h", "y"}) {
    graph.values[value] = {DataType::float32, std::vector<int64_t>{1, size}};
  }
  graph.initializers["w"] = Tensor::Of({size, size}, std::move(first));
  graph.initializers["v"] = Tensor::Of({size, size}, std::move(second));
  for (const auto& [in, weights, out] : {std::tuple("x", "w", "h"), std::tuple("h", "v", "y")}) {
    Node& node = graph.nodes.emplace_back();
    node.op = "Gemm";
    node.inputs = {in, weights};
    node.outputs = {out};
    node.attributes["transB"] = int64_t{1};
  }
  return graph;
}

/// [1, 2] each, with labels of two classes.
inline std::unique_ptr<train::GivenSamples> FourSamples() {
  auto data = std::make_unique<train::GivenSamples>();
  data->Add({2}, {1, 0}, 1);
  data->Add({2}, {-0.5F, 2}, 0);
  data->Add({2}, {0.25F, 1}, 0);
  data->Add({2}, {2, 1}, 1);
  return data;
}

inline std::vector<double> Product(const std::vector<float>& matrix, std::vector<double> x) {
  return {static_cast<double>(matrix[0]) * x[0] + static_cast<double>(matrix[1]) * x[1],
          static_cast<double>(matrix[2]) * x[0] + static_cast<double>(matrix[3]) * x[1]};
}

}  // namespace lutra::converter::budget
