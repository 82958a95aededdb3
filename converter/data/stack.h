// Several samples as one input.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "converter/graph/tensor.h"

namespace lutra::converter::data {

/// Along the first dimension, float32; all of the first one's dims.
inline Tensor Stack(std::span<const Tensor> samples) {
  std::vector<int64_t> dims = samples[0].dims();
  dims[0] *= static_cast<int64_t>(samples.size());
  Tensor batch(DataType::float32, dims);
  size_t at = 0;
  for (const Tensor& sample : samples) {
    std::ranges::copy(sample.as<float>(), batch.as<float>().begin() + static_cast<ptrdiff_t>(at));
    at += sample.elements();
  }
  return batch;
}

}  // namespace lutra::converter::data
