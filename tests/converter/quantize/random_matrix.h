// A layer at random: weights normal and a little off zero, all channels alike.
#pragma once

#include <random>

#include "converter/quantize/weight_matrix.h"

namespace lutra::test {

inline converter::quantize::WeightMatrix RandomMatrix(size_t n, size_t k, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.02F, 0.1F);
  converter::quantize::WeightMatrix matrix{.n = n,
                                           .k = k,
                                           .values = std::vector<float>(n * k),
                                           .bias = std::vector<float>(n, 0.25F),
                                           .has_bias = true};
  for (float& w : matrix.values) w = normal(random);
  return matrix;
}

}  // namespace lutra::test
