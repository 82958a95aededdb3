// Nodes and tensors for the executor's tests.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "converter/executor/float_executor.h"

namespace lutra::converter::executor {

inline Node MakeNode(std::string op, std::vector<std::string> inputs,
                     std::vector<std::string> outputs,
                     std::map<std::string, Attribute> attributes = {}) {
  Node node;
  node.op = std::move(op);
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  node.attributes = std::move(attributes);
  return node;
}

/// One node with one output, on the given inputs.
inline Tensor RunNode(const std::string& op, const std::vector<Tensor>& inputs,
                      std::map<std::string, Attribute> attributes = {}) {
  return ExecuteNode(MakeNode(op, {}, {"y"}, std::move(attributes)), inputs).at(0);
}

using Int64s = std::vector<int64_t>;
using Floats = std::vector<float>;

inline Tensor Ints(Int64s values) {
  const auto count = static_cast<int64_t>(values.size());
  return Tensor::Of({count}, std::move(values));
}

inline Tensor Scalar(float value) { return Tensor::Of({}, Floats{value}); }

/// Uniform in [-1, 1) from a fixed seed.
inline Tensor Random(Int64s dims, uint32_t seed) {
  Tensor tensor(DataType::float32, std::move(dims));
  std::mt19937 generator(seed);
  for (float& x : tensor.as<float>()) {
    x = static_cast<float>(generator()) * 0x1p-31f - 1.0f;
  }
  return tensor;
}

/// Values rounded into another type.
inline Tensor As(DataType type, Int64s dims, Int64s values) {
  return Tensor::Of(std::move(dims), std::move(values)).Cast(type);
}

}  // namespace lutra::converter::executor
