#include "converter/quantize/quantize.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "converter/error.h"
#include "converter/graph/product.h"
#include "converter/quantize/codebook_quantizer.h"
#include "converter/quantize/formats.h"
#include "converter/quantize/layer_name.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/range.h"
#include "converter/quantize/range_trials.h"
#include "converter/quantize/rounding.h"
#include "converter/quantize/tails.h"
#include "converter/quantize/weight_quantizer.h"

namespace lutra::converter::quantize {
namespace {

// Each value by the calibrator of the node that makes it; inputs by that of their first reader. Of
// a Softmax nothing is clipped: its few large probabilities are what it is for.
std::map<std::string, CalibratorKind> CalibratorsOf(const Graph& graph,
                                                    const Quantization& quantization) {
  std::map<std::string, CalibratorKind> kinds;
  for (const std::string& input : graph.inputs) {
    const std::vector<size_t> readers = graph.Consumers(input);
    if (readers.empty()) continue;
    kinds[input] = quantization.schemes.at(graph.nodes[readers[0]].Label()).calibrator;
  }
  for (const Node& node : graph.nodes) {
    for (const std::string& output : node.outputs) {
      kinds[output] = node.op == "Softmax" ? CalibratorKind::minmax
                                           : quantization.schemes.at(node.Label()).calibrator;
    }
  }
  return kinds;
}

std::map<std::string, Range> ChooseRanges(const Graph& graph, const Quantization& quantization,
                                          const std::map<std::string, Histogram>& histograms,
                                          const data::Dataset& data, const Progress& progress) {
  const std::map<std::string, CalibratorKind> kinds = CalibratorsOf(graph, quantization);
  std::map<std::string, std::vector<Range>> candidates;
  for (const auto& [value, histogram] : histograms) {
    const CalibratorKind kind = kinds.at(value);
    if (kind != CalibratorKind::automatic) {
      candidates[value] = {ChooseRange(histogram, kind)};
      continue;
    }
    for (const CalibratorKind each : {CalibratorKind::minmax, CalibratorKind::mse}) {
      candidates[value].push_back(ChooseRange(histogram, each));
    }
  }
  const std::map<std::string, size_t> chosen =
      TryRanges(graph, candidates, quantization.integer_nodes, data, progress);
  std::map<std::string, Range> ranges;
  for (const auto& [value, of_value] : candidates) {
    const auto found = chosen.find(value);
    ranges[value] = of_value[found == chosen.end() ? 0 : found->second];
  }
  return ranges;
}

// Values that some layer reads as int16.
std::set<std::string> WideInputs(const Graph& graph, const Quantization& quantization) {
  std::set<std::string> values;
  for (const Node& node : graph.nodes) {
    if (IsWide(graph, node, quantization.schemes.at(node.Label()))) values.insert(node.inputs[0]);
  }
  return values;
}

// A scale per group is for linear weights of 4 bits, and for products that see one pixel.
bool HasGroups(const Graph& graph, const Node& node, const LayerScheme& scheme) {
  if (scheme.granularity != Granularity::group || scheme.kind != WeightKind::linear ||
      scheme.bits != 4) {
    return false;
  }
  const Product product = *ProductOf(node);
  if (!product.convolves) return true;
  const std::vector<int64_t>& dims = graph.Constant(node.inputs[1])->dims();
  return product.groups == 1 &&
         std::all_of(dims.begin() + 2, dims.end(), [](int64_t taps) { return taps == 1; });
}

// What the layer makes of its scheme: layers that cannot take groups have a scale per channel.
LayerScheme SchemeOf(const Graph& graph, const Node& node, LayerScheme scheme) {
  const bool groups = HasGroups(graph, node, scheme);
  if (scheme.asymmetric && (groups || scheme.kind == WeightKind::codebook)) {
    throw Error("layer '" + LayerName(graph, node) +
                "': " + (groups ? "weights with a scale per group" : "codebooks") +
                " have no zero points; use them without asymmetric");
  }
  if (scheme.granularity == Granularity::group && !groups) {
    scheme.granularity = Granularity::channel;
  }
  return scheme;
}

// All but the share of smallest magnitude; of equal ones the first go.
KeptWeights LargestWeights(const WeightMatrix& matrix, double sparsity) {
  const std::vector<float>& values = matrix.values;
  std::vector<uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto cut =
      static_cast<ptrdiff_t>(std::llround(sparsity * static_cast<double>(values.size())));
  std::nth_element(order.begin(), order.begin() + cut, order.end(), [&](uint32_t a, uint32_t b) {
    const float x = std::fabs(values[a]), y = std::fabs(values[b]);
    return x != y ? x < y : a < b;
  });
  KeptWeights kept(values.size(), 1);
  for (const uint32_t i : std::span(order).first(static_cast<size_t>(cut))) kept[i] = 0;
  return kept;
}

QuantizedWeights QuantizeOne(WeightMatrix& matrix, const LayerScheme& scheme, double input_scale,
                             const InputMoments* moments) {
  // The grid is that of what is kept; the others are an error that rounding and bias make up for.
  KeptWeights kept;
  WeightMatrix pruned;
  if (scheme.sparsity > 0) {
    kept = LargestWeights(matrix, scheme.sparsity);
    pruned = matrix;
    for (size_t i = 0; i < kept.size(); ++i) pruned.values[i] *= static_cast<float>(kept[i]);
  }
  const WeightMatrix& gridded = kept.empty() ? matrix : pruned;
  const bool codebook = scheme.kind == WeightKind::codebook;
  const std::vector<float> importance =
      codebook && moments != nullptr ? ImportanceOf(*moments) : std::vector<float>();
  QuantizedWeights weights = codebook ? QuantizeToCodebook(gridded, scheme, importance, input_scale)
                                      : QuantizeWeights(gridded, scheme, input_scale);
  if (moments == nullptr) return weights;
  if (moments->HasProducts()) {
    // Of two entries the scale is half of what can be chosen; more entries leave it little to gain.
    const bool fit_scales =
        codebook && scheme.bits == 1 && scheme.granularity == Granularity::channel;
    OptimizeRounding(*moments, matrix, weights, scheme.asymmetric, fit_scales, kept);
  } else {
    CorrectBias(*moments, matrix, weights);
  }
  return weights;
}

bool HasKnownShape(const Graph& graph, const std::string& value) {
  const ValueInfo* info = graph.Info(value);
  return info != nullptr && info->dims;
}

// Whatever the activations are: the moments are those of the float network in any case.
std::set<std::string> LabelsToOptimize(const Graph& graph, const Quantization& quantization) {
  std::set<std::string> labels;
  for (const Node& node : graph.nodes) {
    if (HasIntegerWeights(graph, node, quantization.schemes.at(node.Label())) &&
        HasKnownShape(graph, node.inputs[0]) && HasKnownShape(graph, node.outputs[0])) {
      labels.insert(node.Label());
    }
  }
  return labels;
}

double InputScale(const Node& node, const Quantization& formats) {
  return formats.IsInteger(node) ? static_cast<double>(formats.Params(node.inputs[0])->scale) : 0;
}

}  // namespace

bool HasIntegerWeights(const Graph& graph, const Node& node, const LayerScheme& scheme) {
  return HasWeights(graph, node) && scheme.HasIntegers() && WhyNoWeightMatrix(graph, node).empty();
}

LayerWeights QuantizeLayer(const Graph& graph, const Node& node, const LayerScheme& wanted,
                           const Quantization& formats, const InputMoments* moments) {
  const LayerScheme scheme = SchemeOf(graph, node, wanted);
  WeightMatrix matrix = ReadWeightMatrix(graph, node);
  const double input_scale = InputScale(node, formats);
  LayerWeights layer{QuantizeOne(matrix, scheme, input_scale, moments), {}, {}};
  if (formats.IsInteger(node)) {
    layer.bias = QuantizeBias(matrix.bias, input_scale, layer.weights.scale);
  } else if (moments != nullptr && ProductOf(node)->takes_bias) {
    layer.float_bias = std::move(matrix.bias);
  }
  return layer;
}

std::vector<float> FloatBias(const Graph& graph, const Node& node,
                             const Quantization& quantization) {
  const auto corrected = quantization.float_bias.find(node.Label());
  if (corrected != quantization.float_bias.end()) return corrected->second;
  return ReadWeightMatrix(graph, node).bias;
}

void QuantizeAllWeights(const Graph& graph, const std::map<std::string, InputMoments>& moments,
                        Quantization& quantization) {
  for (const Node& node : graph.nodes) {
    const std::string& label = node.Label();
    const LayerScheme& scheme = quantization.schemes.at(label);
    if (!HasIntegerWeights(graph, node, scheme)) continue;
    const bool has_bias = quantization.bias.contains(label);
    if (!quantization.weights.contains(label)) {
      const auto found = moments.find(label);
      LayerWeights layer = QuantizeLayer(graph, node, scheme, quantization,
                                         found == moments.end() ? nullptr : &found->second);
      quantization.weights[label] = std::move(layer.weights);
      if (!layer.float_bias.empty()) quantization.float_bias[label] = std::move(layer.float_bias);
      if (quantization.IsInteger(node) && !has_bias)
        quantization.bias[label] = std::move(layer.bias);
    } else if (quantization.IsInteger(node) && !has_bias) {
      quantization.bias[label] =
          QuantizeBias(ReadWeightMatrix(graph, node).bias, InputScale(node, quantization),
                       quantization.weights.at(label).scale);
    }
  }
}

Observation ObserveGraph(const Graph& graph, std::map<std::string, LayerScheme> schemes,
                         const data::Dataset* data, const Progress& progress, Warnings& warnings,
                         bool takes_bytes) {
  Observation observation;
  Quantization quantization;
  quantization.schemes = std::move(schemes);
  std::set<std::string> values = ChooseFormats(graph, quantization);
  const std::set<std::string> bytes = values;
  values.merge(WideInputs(graph, quantization));
  if (data == nullptr) {
    if (values.empty()) return observation;
    throw Error("static int8 needs calibration data: give --data, or --activations dynamic");
  }
  const std::set<std::string> labels = LabelsToOptimize(graph, quantization);
  if (values.empty()) {
    if (!labels.empty() && graph.DataInputs() == 1) {
      observation.moments = CollectMoments(graph, labels, *data, progress);
    }
    return observation;
  }
  MomentsCollector collector(graph, labels, data->size());
  auto histograms = Calibrate(graph, values, *data, progress, warnings, takes_bytes,
                              [&](const std::string& value, const Tensor& tensor, size_t sample) {
                                collector.Observe(value, tensor, sample);
                              });
  observation.moments = collector.Take();
  for (const auto& [value, histogram] : histograms) {
    observation.extremes[value] = ChooseRange(histogram, CalibratorKind::minmax);
  }
  std::erase_if(histograms, [&](const auto& entry) { return !bytes.contains(entry.first); });
  observation.ranges = ChooseRanges(graph, quantization, histograms, *data, progress);
  return observation;
}

Quantization FormatsOf(const Graph& graph, std::map<std::string, LayerScheme> schemes,
                       const Observation& observation) {
  Quantization quantization;
  quantization.schemes = std::move(schemes);
  const std::set<std::string> values = ChooseFormats(graph, quantization);
  for (const std::string& value : WideInputs(graph, quantization)) {
    const auto found = observation.extremes.find(value);
    quantization.wide[value] =
        WideScaleOf(found == observation.extremes.end() ? Range{} : found->second);
  }
  if (values.empty()) return quantization;
  AssignActivations(graph, values, observation.ranges, quantization);
  ChooseTails(graph, quantization);
  return quantization;
}

Calibration CalibrateGraph(const Graph& graph, std::map<std::string, LayerScheme> schemes,
                           const data::Dataset* data, const Progress& progress, Warnings& warnings,
                           bool takes_bytes) {
  Observation observation = ObserveGraph(graph, schemes, data, progress, warnings, takes_bytes);
  Calibration calibration{FormatsOf(graph, std::move(schemes), observation), {}};
  calibration.moments = std::move(observation.moments);
  return calibration;
}

Quantization QuantizeGraph(const Graph& graph, std::map<std::string, LayerScheme> schemes,
                           const data::Dataset* data, const Progress& progress, Warnings& warnings,
                           bool takes_bytes) {
  Calibration calibration =
      CalibrateGraph(graph, std::move(schemes), data, progress, warnings, takes_bytes);
  QuantizeAllWeights(graph, calibration.moments, calibration.quantization);
  return std::move(calibration.quantization);
}

}  // namespace lutra::converter::quantize
