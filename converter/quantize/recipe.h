// Recipes: which scheme each layer gets. JSON (quantize/recipe_file.h), one object:
//
//   { "default": { "weights": "int8", "activations": "int8", "granularity": "channel",
//                  "asymmetric": false, "calibrator": "minmax" },
//     "layers": [ { "name": "conv1_output", "activations": "float" },
//                 { "pattern": "head_*", "weights": "linear4", "calibrator": "mse" },
//                 { "name": "fc1", "weights": "codebook4", "codebook_channels": 16 } ] }
//
// Every field of a scheme may be left out. "name" is the layer's exact name (its ONNX output),
// "pattern" has * and ?. Later entries win over earlier ones.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "converter/graph/weight_text.h"
#include "converter/quantize/quantization.h"

namespace lutra::converter::quantize {

/// Values as the command line and recipes write them (those of weights: graph/weight_text.h); each
/// throws Error listing what is allowed.
///   activations: int8, int16, dynamic, float
///   calibrator: auto, minmax, percentile, mse, entropy
/// Throws Error unless it is a multiple of 16 up to 65536, or 0.
void SetCodebookChannels(LayerScheme& scheme, uint64_t channels);
void SetActivations(LayerScheme& scheme, std::string_view text);
void SetCalibrator(LayerScheme& scheme, std::string_view text);

/// Where a recipe says something of weights.
struct RecipeWeights {
  bool by_default = false;
  std::set<std::string> layers;  ///< labels of nodes that entries of "layers" fit
};

/// Depthwise convolutions that the recipe does not name keep 8-bit weights where the default has
/// fewer: they are few, and each channel has too few of them for their errors to cancel.
void KeepDepthwiseBits(const Graph& graph, const RecipeWeights& given,
                       std::map<std::string, LayerScheme>& schemes);

/// A scheme for every node of the graph: `defaults`, or what the recipe (the JSON text; empty =
/// none) says. `source` names the recipe in messages. Throws Error with the JSON path of the fault;
/// a name or pattern that fits no layer is one. `given`, if not null, gets what it says of weights.
std::map<std::string, LayerScheme> ReadRecipe(const Graph& graph, const LayerScheme& defaults,
                                              std::string_view json, const std::string& source,
                                              RecipeWeights* given = nullptr);

/// The recipe that gives exactly these schemes, each layer by name; nodes without a scheme are not
/// the network's own.
std::string WriteRecipe(const Graph& graph, const LayerScheme& defaults,
                        const std::map<std::string, LayerScheme>& schemes);

}  // namespace lutra::converter::quantize
