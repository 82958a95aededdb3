#include "converter/quantize/training_statistics.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "converter/executor/float_executor.h"
#include "converter/passes/passes.h"

namespace lutra::converter::quantize {
namespace {

constexpr size_t kMostLayers = 4;
// Means and variances of so many samples, evenly spaced, are near enough.
constexpr size_t kMostSamples = 32;
// How far the data may be from training: the standard deviation by this factor, means by so many
// standard deviations (root mean square over the channels). docs/quantization.md has what networks
// show.
constexpr double kWidest = 2.5;
constexpr double kFarthest = 2;
// Channels that were nearly constant in training say nothing: less than this part of the median
// variance.
constexpr double kDead = 1e-3;

// Batch normalizations that no other one precedes, in order.
std::vector<const Node*> FirstBatchNorms(const Graph& graph) {
  std::set<std::string> computed(graph.inputs.begin(), graph.inputs.end()), normalized;
  std::vector<const Node*> first;
  for (const Node& node : graph.nodes) {
    const auto reads = [&](const std::set<std::string>& values) {
      return std::ranges::any_of(node.inputs, [&](const auto& in) { return values.contains(in); });
    };
    const bool norm = node.op == "BatchNormalization" && node.domain.empty();
    if (norm && computed.contains(node.Input(0)) && !reads(normalized)) first.push_back(&node);
    const bool behind = norm || reads(normalized);
    const bool from_input = reads(computed);
    for (const std::string& output : node.outputs) {
      if (from_input) computed.insert(output);
      if (behind) normalized.insert(output);
    }
  }
  return first;
}

// The nodes that `graph.outputs` need, with their constants.
void CopyNeeded(const Graph& whole, Graph& part) {
  std::set<std::string> needed(part.outputs.begin(), part.outputs.end());
  for (size_t i = whole.nodes.size(); i-- > 0;) {
    const Node& node = whole.nodes[i];
    if (std::ranges::none_of(node.outputs, [&](const auto& o) { return needed.contains(o); })) {
      continue;
    }
    needed.insert(node.inputs.begin(), node.inputs.end());
    part.nodes.push_back(node);
  }
  std::ranges::reverse(part.nodes);
  for (const std::string& value : needed) {
    if (const Tensor* constant = whole.Constant(value)) part.initializers.emplace(value, *constant);
    if (const ValueInfo* info = whole.Info(value)) part.values.emplace(value, *info);
  }
}

struct Sums {
  std::vector<double> sum, square;
  double count = 0;  // of each channel
};

void AddTo(Sums& sums, const Tensor& tensor) {
  const size_t channels = sums.sum.size();
  if (tensor.rank() < 2 || static_cast<size_t>(tensor.dims()[1]) != channels) return;
  const std::vector<float> values = tensor.ToFloats();
  const size_t inner = values.size() / static_cast<size_t>(tensor.dims()[0]) / channels;
  for (size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(values[i]);
    sums.sum[i / inner % channels] += x;
    sums.square[i / inner % channels] += x * x;
  }
  sums.count += static_cast<double>(values.size()) / static_cast<double>(channels);
}

struct Distance {
  double widening = 1;  // of the standard deviation, geometric mean over the channels
  double shift = 0;     // of the mean, in standard deviations of training, root mean square
};

Distance DistanceOf(const TrainingStatistics::Layer& layer, const Sums& sums) {
  std::vector<float> sorted = layer.variance;
  const auto middle = sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2);
  std::ranges::nth_element(sorted, middle);
  const double least = kDead * static_cast<double>(*middle);
  double log_ratio = 0, shift = 0, channels = 0;
  for (size_t c = 0; c < layer.variance.size(); ++c) {
    const double variance = static_cast<double>(layer.variance[c]);
    if (!(variance > least)) continue;
    const double mean = sums.sum[c] / sums.count;
    const double seen = std::max(sums.square[c] / sums.count - mean * mean, 1e-12 * variance);
    const double off = mean - static_cast<double>(layer.mean[c]);
    log_ratio += 0.5 * std::log(seen / variance);
    shift += off * off / variance;
    ++channels;
  }
  if (channels == 0) return {};
  return {std::exp(log_ratio / channels), std::sqrt(shift / channels)};
}

std::string ThreeDigits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

}  // namespace

TrainingStatistics ReadTrainingStatistics(const Graph& graph) {
  TrainingStatistics result;
  if (graph.DataInputs() != 1) return result;
  for (const Node* node : FirstBatchNorms(graph)) {
    const Tensor* mean = graph.Constant(node->Input(3));
    const Tensor* variance = graph.Constant(node->Input(4));
    if (mean == nullptr || variance == nullptr || mean->elements() == 0 ||
        mean->elements() != variance->elements()) {
      continue;
    }
    result.layers.push_back(
        {node->inputs[0], node->Label(), mean->ToFloats(), variance->ToFloats()});
    if (result.layers.size() == kMostLayers) break;
  }
  if (result.layers.empty()) return result;
  result.graph.inputs = graph.inputs;
  for (const TrainingStatistics::Layer& layer : result.layers) {
    result.graph.outputs.push_back(layer.value);
  }
  CopyNeeded(graph, result.graph);
  return result;
}

void CompareWithTraining(TrainingStatistics training, const data::Dataset& data,
                         Warnings& warnings) {
  if (training.layers.empty() || data.size() == 0) return;
  passes::FuseGraph(training.graph);
  std::vector<Sums> sums;
  for (const auto& layer : training.layers) {
    const std::vector<double> zeros(layer.mean.size(), 0.0);
    sums.push_back({zeros, zeros});
  }
  executor::FloatExecutor executor(training.graph);
  const std::string& input = training.graph.inputs[0];
  const size_t samples = std::min(data.size(), kMostSamples);
  for (size_t i = 0; i < samples; ++i) {
    const Tensor sample =
        data::AsInput(data.Get(i * data.size() / samples), *training.graph.Info(input)->dims);
    const executor::TensorMap outputs = executor.Run({{input, sample}});
    for (size_t l = 0; l < sums.size(); ++l) {
      AddTo(sums[l], outputs.at(training.layers[l].value));
    }
  }
  for (size_t l = 0; l < sums.size(); ++l) {
    if (sums[l].count == 0) continue;
    const auto [widening, shift] = DistanceOf(training.layers[l], sums[l]);
    if (widening < kWidest && widening > 1 / kWidest && shift < kFarthest) continue;
    warnings.Add(
        "the calibration data is unlike that of training: at '" + training.layers[l].name +
        "' it varies " + ThreeDigits(widening) + " times as much, around means " +
        ThreeDigits(shift) +
        " standard deviations away; check scale, mean and std, channel order and layout of "
        "the data");
    return;
  }
}

}  // namespace lutra::converter::quantize
