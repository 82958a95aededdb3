// Quantization of a whole graph: formats, calibration, parameters, weights.
#pragma once

#include <string>

#include "converter/data/dataset.h"
#include "converter/quantize/calibrate.h"
#include "converter/quantize/input_moments.h"
#include "converter/quantize/quantization.h"
#include "converter/quantize/range.h"

namespace lutra::converter::quantize {

/// What calibration finds out. Schemes that differ from the given ones in their integer weights
/// alone share it.
struct Calibration {
  Quantization quantization;                    ///< formats and activations; no weights yet
  std::map<std::string, InputMoments> moments;  ///< of layers with integer weights
};

/// What a run over the data shows of a network, whatever its schemes make of it.
struct Observation {
  /// By value: what int8 is to cover, by the value's calibrator, and everything seen.
  std::map<std::string, Range> ranges, extremes;
  std::map<std::string, InputMoments> moments;  ///< of layers with integer weights
};

/// Of the values that are int8 or int16 under the schemes; both may stay empty. Arguments and
/// errors as for QuantizeGraph.
Observation ObserveGraph(const Graph& graph, std::map<std::string, LayerScheme> schemes,
                         const data::Dataset* data, const Progress& progress, Warnings& warnings,
                         bool takes_bytes = false);

/// Formats and activations under these schemes, no weights: of no more int8 and int16 values than
/// under those that the observation was made with. An int16 value may have been int8 there.
Quantization FormatsOf(const Graph& graph, std::map<std::string, LayerScheme> schemes,
                       const Observation& observation);

/// Both. Arguments and errors as for QuantizeGraph.
Calibration CalibrateGraph(const Graph& graph, std::map<std::string, LayerScheme> schemes,
                           const data::Dataset* data, const Progress& progress, Warnings& warnings,
                           bool takes_bytes = false);

/// Whether the node's weights become integers under the scheme.
bool HasIntegerWeights(const Graph& graph, const Node& node, const LayerScheme& scheme);

struct LayerWeights {
  QuantizedWeights weights;
  std::vector<int32_t> bias;      ///< empty for nodes that compute in float
  std::vector<float> float_bias;  ///< of these, where rounding corrected it
};

/// The bias of a node that computes in float, zeros where there is none: corrected, or the graph's.
std::vector<float> FloatBias(const Graph& graph, const Node& node,
                             const Quantization& quantization);

/// Of a node with integer weights. `moments` may be null. Throws Error for codebooks with zero
/// points.
LayerWeights QuantizeLayer(const Graph& graph, const Node& node, const LayerScheme& scheme,
                           const Quantization& formats, const InputMoments* moments);

/// Schemes (ReadRecipe) -> everything else. Runs the network over `data`, if they are given, for
/// the ranges of what computes in integers and the rounding of integer weights; throws Error when
/// they are null and there are ranges to find. The graph must be optimized. `takes_bytes`: its
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
