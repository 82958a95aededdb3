#include "converter/train/layer_grids.h"

#include <algorithm>
#include <cmath>

#include "converter/error.h"
#include "converter/graph/product.h"
#include "converter/quantize/codebook_quantizer.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::train {
namespace {

using quantize::QuantizedWeights;

ChannelAxis AxisOf(const Product& product, const Tensor& weights) {
  const auto channels = static_cast<size_t>(weights.dims()[product.OutputAxis(weights.rank())]);
  return {channels, product.outputs_first ? weights.elements() / channels : 1};
}

/// x if it rounds to the entry. Else what does, half as far away as it may: at the edge, where the
/// nearest such number lies, the first step of training would push it back over.
float Inside(std::span<const int8_t> table, int8_t entry, float x) {
  const auto level = static_cast<float>(entry);
  float inside = x;
  for (const int8_t other : table) {
    const float middle = 0.5F * (static_cast<float>(other) + level);
    const float halfway = 0.5F * (middle + level);
    if (other < entry && x < middle) inside = inside < halfway ? halfway : inside;
    if (other > entry && x > middle) inside = inside > halfway ? halfway : inside;
  }
  return inside;
}

std::vector<int8_t> WithZero(std::span<const int8_t> tables, size_t entries) {
  std::vector<int8_t> result(tables.begin(), tables.end());
  for (size_t t = 0; t < result.size(); t += entries) {
    const auto table = std::span(result).subspan(t, entries);
    const auto nearest = std::ranges::min_element(table, {}, [](int8_t e) { return std::abs(e); });
    const int8_t before = *nearest;
    for (int8_t& entry : table) entry = entry == before ? int8_t{0} : entry;
  }
  return result;
}

/// A weight matrix has Gemm's alpha in it and the initializer has not.
WeightGrid GridOf(const QuantizedWeights& weights, float alpha, bool zero) {
  std::vector<float> scale = weights.scale;
  for (float& s : scale) s /= alpha;
  if (weights.tables.empty()) {
    return WeightGrid::Linear(LevelsOf(weights.bits, false).highest, std::move(scale));
  }
  const size_t entries = size_t{1} << weights.bits;
  const std::vector<int8_t> tables = zero ? WithZero(weights.tables, entries) : weights.tables;
  return WeightGrid::Codebook(tables, weights.table_channels, std::move(scale));
}

}  // namespace

std::vector<Layer> FindLayers(const Graph& fused, const quantize::LayoutMap& map,
                              const quantize::Quantization& quantization) {
  std::vector<Layer> layers;
  for (const Node& node : fused.nodes) {
    const auto label = map.label.find(node.Label());
    if (label == map.label.end() || !quantize::HasWeights(fused, node)) continue;
    if (!quantization.weights.contains(label->second)) continue;
    layers.push_back({&node, label->second, node.inputs[1], node.Input(2)});
  }
  return layers;
}

TrainedWeight OnGrid(const Graph& fused, const Layer& layer, const quantize::LayoutMap& map,
                     const QuantizedWeights& weights, bool zero, bool one_scale) {
  if (const auto peculiar = weights.Peculiar()) {
    throw Error("layer '" + layer.label + "': " + peculiar->what + " cannot be tuned; " +
                peculiar->cure);
  }
  const Tensor real = fused.Constant(layer.weight)->Cast(DataType::float32);
  const Product product = *ProductOf(*layer.node);
  const ChannelAxis axis = AxisOf(product, real);
  WeightGrid grid = GridOf(weights, product.alpha, zero);
  Tensor start = real;
  const auto values = start.as<float>();
  const std::vector<size_t> order = quantize::WeightMatrixOrder(fused, *layer.node);
  const auto moved = map.columns.find(layer.label);
  for (size_t i = 0; i < weights.values.size(); ++i) {
    const size_t row = i / weights.k, column = i % weights.k;
    const size_t from = moved == map.columns.end() ? column : moved->second[column];
    float& value = values[order[row * weights.k + from]];
    const float scale = grid.scale()[row];
    value = scale * Inside(grid.Table(row), weights.values[i], value / scale);
  }
  // A latent of 1 is where the grid ends.
  std::vector<float> unit = grid.scale();
  for (size_t c = 0; c < unit.size(); ++c) {
    int largest = 1;
    for (const int8_t entry : grid.Table(c)) largest = std::max(largest, std::abs(entry));
    unit[c] *= static_cast<float>(largest);
  }
  TrainedWeight result(layer.weight, start, true, axis, std::move(unit));
  result.SetGrid(std::move(grid), one_scale);
  return result;
}

QuantizedWeights FromGrid(const Graph& laid_out, const Node& node,
                          const quantize::LayerScheme& scheme, const WeightGrid& grid) {
  const quantize::WeightMatrix matrix = quantize::ReadWeightMatrix(laid_out, node);
  QuantizedWeights result;
  result.n = matrix.n;
  result.k = matrix.k;
  result.bits = scheme.bits;
  result.scale = grid.scale();
  for (float& scale : result.scale) scale *= ProductOf(node)->alpha;
  result.values.reserve(matrix.values.size());
  for (size_t i = 0; i < matrix.values.size(); ++i) {
    const float level = matrix.values[i] / result.scale[i / matrix.k];
    result.values.push_back(static_cast<int8_t>(std::lround(level)));
  }
  if (grid.is_linear()) return result;
  result.table_channels = grid.table_channels();
  for (size_t first = 0; first < matrix.n; first += result.table_channels) {
    const auto table = grid.Table(first);
    std::vector<int8_t> ascending(table.begin(), table.end());
    std::ranges::sort(ascending);
    result.tables.insert(result.tables.end(), ascending.begin(), ascending.end());
  }
  return result;
}

}  // namespace lutra::converter::train
