#include "converter/weight_histogram.h"

#include <algorithm>
#include <cmath>

#include "converter/quantize/layer_name.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter {
namespace {

using quantize::QuantizedWeights;

void AddLevels(const QuantizedWeights& weights, WeightHistogram& histogram) {
  std::map<int, uint64_t> counts;  // every entry of a codebook is one, used or not
  for (const int8_t entry : weights.tables) counts[entry];
  for (size_t i = 0; i < weights.values.size(); ++i) {
    ++counts[weights.values[i] - weights.ZeroPoint(i / weights.k)];
  }
  const double step = histogram.in_steps ? 1 : weights.scale[0];
  for (const auto& [value, count] : counts) histogram.levels.push_back({value * step, count});
}

/// Real weights in the picture's units, [n][k].
std::vector<double> ValuesOf(const Graph& graph, const Node& node, const QuantizedWeights& weights,
                             bool in_steps) {
  const quantize::WeightMatrix matrix = quantize::ReadWeightMatrix(graph, node);
  std::vector<double> values;
  if (matrix.n != weights.n || matrix.k != weights.k) return values;
  values.reserve(matrix.values.size());
  for (size_t i = 0; i < matrix.values.size(); ++i) {
    const double step = double{weights.ScaleAt(i / weights.k, i % weights.k)};
    values.push_back(in_steps ? matrix.values[i] / step : double{matrix.values[i]});
  }
  return values;
}

void AddValues(const std::vector<double>& values, WeightHistogram& histogram) {
  const double per_unit = WeightHistogram::kBins / (histogram.high - histogram.low);
  for (const double value : values) {
    if (value == 0) {
      ++histogram.zeros_before;
      continue;
    }
    const double bin = std::clamp((value - histogram.low) * per_unit, 0.0,
                                  static_cast<double>(WeightHistogram::kBins - 1));
    ++histogram.before[static_cast<size_t>(bin)];
  }
}

/// From the least to the greatest of the values, the levels and 0.
void ChooseRange(const std::vector<double>& values, WeightHistogram& histogram) {
  histogram.low = std::min(0.0, histogram.levels.front().value);
  histogram.high = std::max(0.0, histogram.levels.back().value);
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    histogram.low = std::min(histogram.low, value);
    histogram.high = std::max(histogram.high, value);
  }
  if (histogram.low == histogram.high) histogram.high = histogram.low + 1;
}

}  // namespace

uint64_t WeightHistogram::zeros() const {
  const auto zero = std::ranges::find(levels, 0.0, &Level::value);
  return zero == levels.end() ? 0 : zero->count;
}

std::map<std::string, WeightHistogram> MakeWeightHistograms(
    const Graph* before, const Graph& graph, const quantize::Quantization& quantization) {
  std::map<std::string, const Node*> nodes_before;
  if (before != nullptr) {
    for (const Node& node : before->nodes) nodes_before[node.Label()] = &node;
  }
  std::map<std::string, WeightHistogram> histograms;
  for (const Node& node : graph.nodes) {
    const auto found = quantization.weights.find(node.Label());
    if (found == quantization.weights.end() || found->second.values.empty()) continue;
    const QuantizedWeights& weights = found->second;
    WeightHistogram histogram;
    histogram.weights = weights.values.size();
    histogram.in_steps = !weights.OneScale();
    AddLevels(weights, histogram);
    const auto old = nodes_before.find(node.Label());
    const std::vector<double> values =
        old == nodes_before.end() ? ValuesOf(graph, node, weights, histogram.in_steps)
                                  : ValuesOf(*before, *old->second, weights, histogram.in_steps);
    ChooseRange(values, histogram);
    AddValues(values, histogram);
    histograms.emplace(quantize::LayerName(graph, node), std::move(histogram));
  }
  return histograms;
}

}  // namespace lutra::converter
