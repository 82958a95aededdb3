// Between the two forms of a layer's quantized weights: QuantizedWeights, in the order of the model
// file, and a TrainedWeight on its grid, in the order of the ONNX initializer.
#pragma once

#include <string>
#include <vector>

#include "converter/quantize/layout_map.h"
#include "converter/quantize/quantization.h"
#include "converter/train/trained_weight.h"

namespace lutra::converter::train {

/// One layer of the fused graph whose weights the quantization knows.
struct Layer {
  const Node* node = nullptr;  ///< in the fused graph
  std::string label;           ///< in the laid out one, by which the quantization knows it
  std::string weight, bias;    ///< initializers of the fused graph; no bias: ""
};

std::vector<Layer> FindLayers(const Graph& fused, const quantize::LayoutMap& map,
                              const quantize::Quantization& quantization);

/// On the layer's grid, at the very integers of `weights`: latents are the initializer's numbers as
/// far as these round to the integers, else the nearest that do. `zero`: codebooks get an entry 0,
/// for pruned weights, in the place of the one nearest to it. `one_scale`: all channels share it.
TrainedWeight OnGrid(const Graph& fused, const Layer& layer, const quantize::LayoutMap& map,
                     const quantize::QuantizedWeights& weights, bool zero, bool one_scale);

/// The integers of the tuned weights, read from the laid out graph, into which they were written.
quantize::QuantizedWeights FromGrid(const Graph& laid_out, const Node& node,
                                    const quantize::LayerScheme& scheme, const WeightGrid& grid);

}  // namespace lutra::converter::train
