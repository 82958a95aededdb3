// The whole conversion, from an ONNX file to a checked .lutra: what `lutra convert` calls.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "converter/budget/budget.h"
#include "converter/data/dataset.h"
#include "converter/evaluate/layer_report.h"
#include "converter/import/onnx_import.h"
#include "converter/quantize/quantization.h"
#include "converter/warnings.h"
#include "converter/weight_histogram.h"
#include "runtime/coding/codec.h"

namespace lutra::converter {

class Outputs;  // converter/files.h

/// Schemes for the layers of a laid out graph that a budget leaves open, instead of the given ones.
using ChooseSchemes = std::function<std::map<std::string, quantize::LayerScheme>(
    const Graph& graph, std::map<std::string, quantize::LayerScheme> schemes)>;

/// What a budget decides of a network that is trained. Empty: nothing.
struct BudgetChoices {
  ChooseSchemes schemes;  ///< of the network with its zeros, if it gets any
  /// The others where there is a size, and a codec that makes zeros short. Before: only the
  /// sparsity of the given schemes changes.
  ChooseSchemes sparsities;
  /// By how many bytes a laid out network is above the size as it is now.
  std::function<uint64_t(const Graph& graph, const quantize::Quantization& quantization)> excess;
  /// Schemes for so many bytes less than those chosen last. Throws Error when there are none.
  std::function<std::map<std::string, quantize::LayerScheme>(uint64_t bytes)> tighter;
};

/// How a float network comes to its quantization. `fused` is the network after FuseGraph, in ONNX's
/// layout; its weights may change, and are then those of the model. The quantization is for the
/// same after LayOutGraph.
using QuantizeNetwork = std::function<quantize::Quantization(
    Graph& fused, std::map<std::string, quantize::LayerScheme> schemes,
    const BudgetChoices& choices, Warnings& warnings)>;

/// How much is done for the rounding of weights: from the second moments of their inputs
/// (quantize/rounding.h), or on top of that learned block by block (train/reconstruct.h).
enum class Effort : uint8_t { normal, high };

struct ConvertOptions {
  std::string model_path, output_path;
  /// The ONNX file's bytes where they are not those of model_path, which then only names it.
  std::optional<std::string> model_bytes;
  importing::ImportOptions import;
  quantize::LayerScheme scheme;               ///< defaults for every layer
  std::optional<std::string> recipe_path;     ///< JSON, overrides by name or pattern
  coding::Codec codec = coding::Codec::none;  ///< of integer weights in the file
  Effort effort = Effort::normal;             ///< not where `quantize` is given
  bool strict = false;
  /// An error instead of a model file where the worst output's SQNR on the data is below, in dB.
  std::optional<double> fail_below;
  bool weight_histograms = false;  ///< fill those of the report
  std::optional<std::string> emit_qdq_path;
  std::optional<std::string> emit_float_path;  ///< for the ONNX network that `quantize` leaves
  std::string input_type = "float";            ///< float, int8, uint8
  std::vector<State> states;                   ///< of float networks (converter/states.h)
  std::function<void(const std::string& stage, size_t done, size_t total)> progress;
  std::optional<budget::Limits> budget;
  /// Activations of more bits where the outputs need them; not with a budget, nor with `quantize`.
  std::optional<budget::SqnrGoal> min_sqnr;
  QuantizeNetwork quantize;  ///< empty: calibration and rounding, which change no weights
};

struct ConvertReport {
  uint64_t fp32_bytes = 0, output_bytes = 0;
  size_t output_channels = 0, operators = 0, float_fallbacks = 0;
  size_t samples = 0;         ///< compared with FP32; 0: no data, and the next two are NaN
  double top1_agreement = 0;  ///< fraction; NaN when the network is no classifier
  double output_sqnr_db = 0;  ///< of the worst output; NaN when identical
  /// On the labels of the data, fractions; NaN without labels.
  double fp32_top1 = 0, top1 = 0;
  /// Networks that were quantized in the file: the model file against that, as it was imported, on
  /// samples of the data or random ones. 0 samples: not compared, and the next two say nothing.
  size_t file_samples = 0;
  double file_sqnr_db = 0;     ///< of the worst output; NaN when identical
  double file_within_two = 1;  ///< the worst output's share of elements within two steps
  std::vector<evaluate::LayerReport> layers;
  std::map<std::string, WeightHistogram> weight_histograms;  ///< by layer, if they are wanted
  std::string recipe_json;  ///< the recipe that was used, for every layer
  std::optional<budget::Report> budget;
  std::optional<budget::ActivationReport> activations;
  Warnings warnings;
};

/// data: calibration samples; null is allowed for dynamic, weight-only, float and QDQ models.
/// Writes the model, and the QDQ network if one is wanted, through `outputs`, which the caller
/// commits. Throws Error.
ConvertReport Convert(const ConvertOptions& options, const data::Dataset* data, Outputs& outputs);

/// The same, committed: after an Error no file is written.
ConvertReport Convert(const ConvertOptions& options, const data::Dataset* data);

}  // namespace lutra::converter
