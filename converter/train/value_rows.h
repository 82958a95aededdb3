// One value of the network for many samples: what blocks that are looked at one after another hand
// on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/train/tape.h"
#include "converter/train/workers.h"

namespace lutra::converter::train {

/// Numbers in one sample of a value; 1 where that is not known.
size_t Elements(const Graph& graph, const std::string& value);

struct ValueRows {
  std::vector<int64_t> dims;  ///< of one sample: [1, ...]
  std::vector<float> values;  ///< [sample][elements]

  size_t elements() const { return ElementCount(dims); }
  size_t count() const { return values.size() / elements(); }
  std::span<const float> Row(size_t sample) const {
    return std::span(values).subspan(sample * elements(), elements());
  }
  /// [samples, ...]
  Tensor Gather(std::span<const uint32_t> samples) const;
  ValueRows Select(std::span<const uint32_t> samples) const;
};

/// Runs the graph, whose one input beside those in `weights` is `input`, for every row; its outputs
/// in their order. Throws Error where rows of a batch do not come out as so many.
std::vector<ValueRows> RunRows(const Graph& graph, const std::string& input, const ValueRows& rows,
                               const TensorMap& weights, Workers& workers);

}  // namespace lutra::converter::train
