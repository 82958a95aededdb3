// The pictures of a layer's weights in the report: how they are distributed before quantization,
// and which values they have afterwards, as published figures of k-means and linear quantization
// show them. A few kilobytes per layer, whatever its size.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/quantize/quantization.h"

namespace lutra::converter {

struct WeightHistogram {
  static constexpr size_t kBins = 96;
  using Bins = std::array<uint64_t, kBins>;

  /// A value that quantized weights may have, and how many have it.
  struct Level {
    double value = 0;
    uint64_t count = 0;
  };

  /// Values are in units of the scale of each weight's channel; else they are the real ones, for
  /// all channels have one scale.
  bool in_steps = false;
  uint64_t weights = 0;
  double low = 0, high = 0;  ///< what the bins cover
  Bins before = {};          ///< of the float network's weights but zeros
  uint64_t zeros_before = 0;
  std::vector<Level> levels;  ///< ascending, at most 511; 0 is among them if a weight is 0

  uint64_t zeros() const;
};

/// Of every layer with integer weights, by the layer's name (quantize/layer_name.h). `before`: the
/// network before training, null if its weights are those of `graph`; both are optimized.
std::map<std::string, WeightHistogram> MakeWeightHistograms(
    const Graph* before, const Graph& graph, const quantize::Quantization& quantization);

}  // namespace lutra::converter
