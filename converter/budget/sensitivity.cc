#include "converter/budget/sensitivity.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "converter/data/stack.h"
#include "converter/error.h"
#include "converter/graph/product.h"
#include "converter/quantize/weight_matrix.h"
#include "converter/quantize/weight_quantizer.h"

namespace lutra::converter::budget {
namespace {

using executor::TensorMap;

// Together they take about a minute of one core, but of very large networks.
constexpr double kMostProducts = 4e11;
constexpr size_t kFewestSamples = 8, kMostSamples = 128;
// Of what networks compute at a layer, for all samples together.
constexpr size_t kMostLiveBytes = size_t{1} << 28;
constexpr size_t kBatch = 16;

double ProductsOf(const Graph& graph, const Node& node) {
  const ValueInfo* info = graph.Info(node.outputs[0]);
  const Tensor& weights = *graph.Constant(node.inputs[1]);
  double elements = 1;
  for (const int64_t d : *info->dims) elements *= static_cast<double>(d);
  const auto channels = static_cast<double>(info->dims->back());
  return elements / channels * static_cast<double>(weights.elements());
}

// What nodes from `first` on read, and the graph's outputs.
std::set<std::string> ReadFrom(const Graph& graph, size_t first) {
  std::set<std::string> read(graph.outputs.begin(), graph.outputs.end());
  for (size_t i = first; i < graph.nodes.size(); ++i) {
    read.insert(graph.nodes[i].inputs.begin(), graph.nodes[i].inputs.end());
  }
  return read;
}

// Nodes [first, last) of the graph as a network of their own: its inputs are what they read and do
// not compute, its outputs what later nodes read, the graph's outputs among them.
Graph Segment(const Graph& graph, size_t first, size_t last) {
  Graph segment;
  std::set<std::string> made, read;
  const std::set<std::string> wanted = ReadFrom(graph, last);
  for (size_t i = first; i < last; ++i) {
    const Node& node = graph.nodes[i];
    segment.nodes.push_back(node);
    for (const std::string& input : node.inputs) {
      if (input.empty() || made.contains(input)) continue;
      if (const Tensor* constant = graph.Constant(input)) {
        segment.initializers.emplace(input, *constant);
      } else {
        read.insert(input);
      }
    }
    made.insert(node.outputs.begin(), node.outputs.end());
  }
  segment.inputs.assign(read.begin(), read.end());
  for (const std::string& value : made) {
    if (!value.empty() && wanted.contains(value)) segment.outputs.push_back(value);
  }
  return segment;
}

// The rest of the network from a layer on, whose weights and bias are inputs.
class Rest {
 public:
  Rest(const Graph& graph, size_t at, const quantize::Quantization& formats)
      : graph_(graph), node_(graph.nodes[at]), rest_(Segment(graph, at, graph.nodes.size())) {
    Node& node = rest_.nodes[0];
    const bool takes_bias = ProductOf(node)->takes_bias;
    weight_ = graph.FreshName("budget.weight");
    bias_ = graph.FreshName("budget.bias");
    node.inputs.resize(takes_bias ? 3 : 2);
    node.inputs[1] = weight_;
    rest_.inputs.push_back(weight_);
    if (takes_bias) {
      node.inputs[2] = bias_;
      rest_.inputs.push_back(bias_);
    }
    // The matrix has them in it.
    node.attributes.erase("alpha");
    node.attributes.erase("beta");
    if (formats.IsInteger(node_)) input_scale_ = formats.Params(node_.inputs[0])->scale;
    for (const std::string& output : graph.outputs) {
      if (std::ranges::find(rest_.outputs, output) == rest_.outputs.end()) {
        rest_.outputs.push_back(output);  // made before, or a constant
        if (const Tensor* constant = graph.Constant(output)) {
          rest_.initializers.emplace(output, *constant);
        }
      }
    }
    executor_ = std::make_unique<executor::FloatExecutor>(rest_);
    order_ = quantize::WeightMatrixOrder(graph, node_);
  }

  TensorMap Constants(const quantize::LayerWeights& layer) const {
    Tensor weights(DataType::float32, graph_.Constant(node_.inputs[1])->dims());
    const std::vector<float> real = quantize::Dequantize(layer.weights);
    for (size_t i = 0; i < order_.size(); ++i) weights.as<float>()[order_[i]] = real[i];
    TensorMap constants{{weight_, std::move(weights)}};
    if (!ProductOf(node_)->takes_bias) return constants;
    std::vector<float> bias = layer.float_bias;
    if (bias.empty()) bias = quantize::ReadWeightMatrix(graph_, node_).bias;
    for (size_t n = 0; n < layer.bias.size(); ++n) {
      bias[n] = static_cast<float>(layer.bias[n]) * input_scale_ * layer.weights.scale[n];
    }
    const auto channels = static_cast<int64_t>(bias.size());
    constants.emplace(bias_, Tensor::Of({channels}, std::move(bias)));
    return constants;
  }

  TensorMap Run(const TensorMap& live, const TensorMap& constants) {
    return executor_->Run(live, {}, constants);
  }

 private:
  const Graph& graph_;
  const Node& node_;
  Graph rest_;
  std::string weight_, bias_;
  float input_scale_ = 1;
  std::vector<size_t> order_;
  std::unique_ptr<executor::FloatExecutor> executor_;
};

// Whether the network takes several samples at once, and computes for each what it does alone.
bool TakesBatches(const Graph& graph, const HeldOut& held_out) {
  const std::vector<Tensor>& inputs = held_out.inputs();
  if (inputs.size() < 2 || inputs[0].rank() == 0 || inputs[0].dims()[0] != 1) return false;
  try {
    executor::FloatExecutor executor(graph);
    const TensorMap both =
        executor.Run({{graph.inputs[0], data::Stack(std::span(inputs).first(2))}});
    for (size_t s = 0; s < 2; ++s) {
      for (const auto& [name, one] : executor.Run({{graph.inputs[0], inputs[s]}})) {
        const Tensor& stacked = both.at(name);
        if (stacked.elements() != 2 * one.elements() || stacked.dims()[0] != 2) return false;
        const std::vector<float> wanted = one.ToFloats(), all = stacked.ToFloats();
        for (size_t i = 0; i < wanted.size(); ++i) {
          const float difference = std::fabs(all[s * wanted.size() + i] - wanted[i]);
          if (!(difference <= 1e-3F * (1 + std::fabs(wanted[i])))) return false;
        }
      }
    }
    return true;
  } catch (const Error&) {
    return false;
  }
}

// The values that are alive between two nodes, by minibatch.
class Live {
 public:
  Live(const Graph& graph, const HeldOut& held_out, size_t samples) : graph_(graph) {
    const size_t batch = TakesBatches(graph, held_out) ? kBatch : 1;
    for (size_t first = 0; first < samples; first += batch) {
      const size_t count = std::min(batch, samples - first);
      const auto inputs = std::span(held_out.inputs()).subspan(first, count);
      batches_.push_back({first, count, {{graph.inputs[0], data::Stack(inputs)}}});
    }
  }

  struct Batch {
    size_t first, count;
    TensorMap values;
  };

  /// Computes the nodes before `node`.
  void Advance(size_t node) {
    if (node == at_) return;
    const Graph segment = Segment(graph_, at_, node);
    executor::FloatExecutor executor(segment);
    const std::set<std::string> wanted = ReadFrom(graph_, node);
    for (Batch& batch : batches_) {
      batch.values.merge(executor.Run(batch.values));
      std::erase_if(batch.values, [&](const auto& entry) { return !wanted.contains(entry.first); });
    }
    at_ = node;
  }

  const std::vector<Batch>& batches() const { return batches_; }

 private:
  const Graph& graph_;
  size_t at_ = 0;
  std::vector<Batch> batches_;
};

}  // namespace

size_t SensitivitySamples(const Graph& graph, const std::vector<Candidates>& layers,
                          const HeldOut& held_out) {
  double products = 0, measured = 0;
  for (const Node& node : graph.nodes) {
    const auto layer = std::ranges::find(layers, &node, &Candidates::node);
    if (layer == layers.end()) continue;
    products += ProductsOf(graph, node);
    measured += static_cast<double>(layer->schemes.size());
  }
  // A layer's measurement runs half of the network on average.
  const double each = std::max(1.0, measured * products / 2);
  size_t most = kMostSamples;
  size_t widest = 1;
  for (const auto& [name, info] : graph.values) {
    if (!info.dims || graph.Constant(name) != nullptr) continue;
    size_t bytes = sizeof(float);
    for (const int64_t d : *info.dims) bytes *= static_cast<size_t>(std::max<int64_t>(d, 1));
    widest = std::max(widest, bytes);
  }
  most = std::min(most, std::max<size_t>(1, kMostLiveBytes / (2 * widest)));
  const auto samples = static_cast<size_t>(std::min(kMostProducts / each, 1e6));
  return std::min(std::clamp(samples, std::min(kFewestSamples, most), most), held_out.size());
}

std::vector<std::vector<double>> MeasureSensitivities(const Graph& graph,
                                                      const std::vector<Candidates>& layers,
                                                      const HeldOut& held_out, size_t samples,
                                                      WeightStore& store,
                                                      const quantize::Progress& progress,
                                                      const std::function<bool()>& stop) {
  size_t total = 0, done = 0;
  for (const Candidates& layer : layers) total += layer.schemes.size();
  std::vector<std::vector<double>> result;
  Live live(graph, held_out, samples);
  for (const Candidates& layer : layers) {
    const auto at = static_cast<size_t>(layer.node - graph.nodes.data());
    live.Advance(at);
    Rest rest(graph, at, store.formats());
    std::vector<double>& costs = result.emplace_back();
    for (const quantize::LayerScheme& scheme : layer.schemes) {
      if (stop && stop()) throw Stopped();
      const TensorMap constants = rest.Constants(*store.Get(*layer.node, scheme));
      double sum = 0;
      for (const Live::Batch& batch : live.batches()) {
        sum += held_out.DivergenceSum(batch.first, batch.count, rest.Run(batch.values, constants));
      }
      costs.push_back(sum / static_cast<double>(samples));
      if (progress) progress("budget: sensitivity", ++done, total);
    }
  }
  return result;
}

}  // namespace lutra::converter::budget
