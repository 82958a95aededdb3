// Quantization of a whole graph: formats, calibration, parameters, weights.
#pragma once

#include <string>

#include "converter/data/dataset.h"
#include "converter/quantize/calibrate.h"
#include "converter/quantize/input_moments.h"
#include "converter/quantize/quantization.h"

namespace lutra::converter::quantize {

/// Schemes (ReadRecipe) -> everything else. Runs calibration over `data` when a node computes in
/// integers; throws Error when it is null then. The graph must be optimized. `takes_bytes`: its
/// input was uint8 in the file, so pixels of 0 to 255 are meant.
Quantization QuantizeGraph(const Graph& graph, std::map<std::string, LayerScheme> schemes,
                           const data::Dataset* data, const Progress& progress, Warnings& warnings,
                           bool takes_bytes = false);

/// Fills weights and bias of every node with linear weights from its scheme and the activation
/// parameters already chosen; rounding is optimized for the layers in `moments`. Entries that exist
/// (imported ones) stay.
void QuantizeAllWeights(const Graph& graph, const std::map<std::string, InputMoments>& moments,
                        Quantization& quantization);

}  // namespace lutra::converter::quantize
