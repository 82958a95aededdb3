// Tensors of fixed random numbers for the tests of training.
#pragma once

#include <utility>
#include <vector>

#include "converter/graph/tensor.h"
#include "support/random_numbers.h"

namespace lutra::converter::train {

/// Uniform in [-1, 1).
inline Tensor RandomTensor(std::vector<int64_t> dims, uint64_t seed) {
  Tensor tensor(DataType::float32, std::move(dims));
  test::RandomNumbers random(seed);
  for (float& x : tensor.as<float>()) x = random.Real(-1, 1);
  return tensor;
}

}  // namespace lutra::converter::train
