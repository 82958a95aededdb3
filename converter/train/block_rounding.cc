#include "converter/train/block_rounding.h"

#include <algorithm>
#include <cmath>

#include "converter/executor/gradient.h"
#include "converter/graph/product.h"
#include "converter/quantize/sum_limits.h"
#include "converter/quantize/weight_matrix.h"
#include "converter/quantize/weight_quantizer.h"
#include "converter/train/optimizer.h"
#include "converter/train/points.h"
#include "converter/train/random.h"
#include "converter/train/trainer.h"

namespace lutra::converter::train {
namespace {

// How far Adam may move a latent in all steps together. They decide where they pass 0, and begin
// 1 away from it at the rounding before (what the data does not speak for steadily stays as it
// was), at most 2.2 at the real weights.
constexpr double kPath = 3;
// The regularizer's beta falls from the first to the last (AdaRound's numbers). Then all weights
// are rounded, and the biases alone take over what is left.
constexpr double kFirstBeta = 20, kLastBeta = 2;
constexpr double kSoft = 0.9;  // of the steps
// What it counts for beside an error that is one for each weight at the start.
constexpr double kRegularizer = 1;

void Reorder(const std::vector<float>& matrix, const std::vector<size_t>& order,
             std::span<float> values) {
  for (size_t e = 0; e < order.size(); ++e) values[order[e]] = matrix[e];
}

Tensor OneRow(std::vector<float> values) {
  const auto count = static_cast<int64_t>(values.size());
  return Tensor::Of({count}, std::move(values));
}

}  // namespace

BlockRounding::BlockRounding(const Block& block, const quantize::Quantization& quantization)
    : graph_(block.graph) {
  for (Node& node : graph_.nodes) {
    const std::string label = node.Label();
    if (std::ranges::find(block.layers, label) == block.layers.end()) continue;
    const quantize::QuantizedWeights& before = quantization.weights.at(label);
    const std::vector<size_t> order = quantize::WeightMatrixOrder(graph_, node);
    Layer layer{label,
                graph_.FreshName(label + "/weights"),
                "",
                graph_.Constant(node.inputs[1])->dims(),
                SoftRounding(quantize::ReadWeightMatrix(graph_, node), before, order),
                {},
                {},
                {},
                {},
                before,
                order};
    // The matrix has Gemm's factors in it.
    node.attributes.erase("alpha");
    node.attributes.erase("beta");
    node.inputs[1] = layer.weights;
    graph_.values[layer.weights] = {DataType::float32, layer.dims};
    graph_.inputs.push_back(layer.weights);
    if (ProductOf(node)->takes_bias) {
      layer.bias_before = quantization.bias.at(label);
      const float in = quantization.Params(node.inputs[0])->scale;
      const quantize::QuantParams* results = quantization.Params(node.outputs[0]);
      for (size_t n = 0; n < before.n; ++n) {
        const float unit = in * before.scale[n];
        layer.integer_bias_unit.push_back(unit);
        layer.bias_unit.push_back(results == nullptr ? 127 * unit : results->scale);
      }
      layer.bias_latents.resize(before.n);
      layer.bias = graph_.FreshName(label + "/bias");
      node.inputs.resize(3);
      node.inputs[2] = layer.bias;
      graph_.values[layer.bias] = {DataType::float32,
                                   std::vector<int64_t>{static_cast<int64_t>(before.n)}};
      graph_.inputs.push_back(layer.bias);
    }
    layers_.push_back(std::move(layer));
  }
  InsertPoints(quantization, graph_);
}

bool BlockRounding::CanLearn() const {
  return !layers_.empty() && std::ranges::all_of(graph_.nodes, [](const Node& node) {
    return executor::WhyNoGradient(node).empty();
  });
}

std::vector<int32_t> BlockRounding::IntegerBias(const Layer& layer) const {
  std::vector<int32_t> bias = layer.bias_before;
  for (size_t n = 0; n < bias.size(); ++n) {
    const double steps = static_cast<double>(layer.bias_latents[n]) *
                         static_cast<double>(layer.bias_unit[n]) /
                         static_cast<double>(layer.integer_bias_unit[n]);
    // What it was may be larger, but does not grow.
    const double most = std::max(quantize::kLargestBias, std::fabs(static_cast<double>(bias[n])));
    bias[n] = static_cast<int32_t>(std::nearbyint(std::clamp(bias[n] + steps, -most, most)));
  }
  return bias;
}

TensorMap BlockRounding::Inputs(Form form, bool integer_bias) const {
  TensorMap inputs;
  for (const Layer& layer : layers_) {
    Tensor values(DataType::float32, layer.dims);
    switch (form) {
      case Form::before:
        Reorder(quantize::Dequantize(layer.before), layer.order, values.as<float>());
        break;
      case Form::soft:
        layer.rounding.Soft(values.as<float>());
        break;
      case Form::chosen:
        layer.rounding.Hard(values.as<float>());
        break;
    }
    inputs.emplace(layer.weights, std::move(values));
    if (layer.bias.empty()) continue;
    std::vector<float> bias;
    for (const int32_t integer : integer_bias ? IntegerBias(layer) : layer.bias_before) {
      const size_t n = bias.size();
      bias.push_back(layer.integer_bias_unit[n] * static_cast<float>(integer));
      if (!integer_bias) bias[n] += layer.bias_latents[n] * layer.bias_unit[n];
    }
    inputs.emplace(layer.bias, OneRow(std::move(bias)));
  }
  return inputs;
}

TensorMap BlockRounding::Weights() const {
  return Inputs(rounds_anew_ ? Form::chosen : Form::before, true);
}

double BlockRounding::Error(const std::vector<ValueRows>& outputs,
                            const std::vector<ValueRows>& targets) const {
  double error = 0;
  for (size_t o = 0; o < outputs.size(); ++o) {
    double difference = 0, power = 0;
    for (size_t i = 0; i < outputs[o].values.size(); ++i) {
      const auto target = static_cast<double>(targets[o].values[i]);
      const double d = static_cast<double>(outputs[o].values[i]) - target;
      difference += d * d;
      power += target * target;
    }
    if (power > 0) error += difference / power;
  }
  return error;
}

void BlockRounding::Learn(const ValueRows& inputs, const std::vector<ValueRows>& targets,
                          std::span<const uint32_t> learned_on, double error,
                          const LearnRounding& settings, Workers& workers) {
  Tape::Options options;
  std::vector<Optimizer::Parameter> parameters;
  double choices = 0;
  rounds_anew_ = settings.start.has_value();
  for (Layer& layer : layers_) {
    if (settings.start) layer.rounding.Begin(*settings.start);
    choices += static_cast<double>(layer.rounding.size());
    options.parameters.insert(layer.weights);
    parameters.push_back({layer.weights, {static_cast<int64_t>(layer.rounding.size())}, false});
    if (layer.bias.empty()) continue;
    options.parameters.insert(layer.bias);
    parameters.push_back({layer.bias, {static_cast<int64_t>(layer.bias_latents.size())}, false});
  }
  Tape tape(graph_, options, workers);
  OptimizerSettings adam;
  adam.method = OptimizerSettings::Method::adam;
  Optimizer optimizer(adam, std::move(parameters));

  // The error in parts of what it was, as much for each weight as the regularizer.
  std::vector<double> factor;
  for (const ValueRows& target : targets) {
    double power = 0;
    for (const uint32_t sample : learned_on) {
      for (const float y : target.Row(sample)) {
        power += static_cast<double>(y) * static_cast<double>(y);
      }
    }
    const double mean = power / static_cast<double>(learned_on.size());
    factor.push_back(mean > 0 ? 2 * choices / (error * mean) : 0);
  }
  const size_t rows = std::min(settings.batch, learned_on.size());
  for (size_t t = 0; t < settings.steps; ++t) {
    const double done = static_cast<double>(t) / static_cast<double>(settings.steps);
    const bool soft = rounds_anew_ && done < kSoft;
    Random random(settings.seed, Purpose::reconstruct, settings.block, t);
    std::vector<uint32_t> samples;
    for (size_t r = 0; r < rows; ++r) {
      samples.push_back(learned_on[random.Below(static_cast<uint32_t>(learned_on.size()))]);
    }
    std::vector<std::span<const uint32_t>> of_part;
    std::vector<TensorMap> parts, gradients;
    for (size_t p = 0; p < kParts; ++p) {
      const size_t first = p * rows / kParts, last = (p + 1) * rows / kParts;
      if (first == last) continue;
      of_part.push_back(std::span(samples).subspan(first, last - first));
    }
    parts.resize(of_part.size());
    gradients.resize(of_part.size());
    workers.Run(of_part.size(),
                [&](size_t p) { parts[p].emplace(input(), inputs.Gather(of_part[p])); });
    TensorMap weights = Inputs(soft           ? Form::soft
                               : rounds_anew_ ? Form::chosen
                                              : Form::before,
                               false);
    const std::vector<TensorMap> outputs = tape.Forward(std::move(parts), weights);
    workers.Run(of_part.size(), [&](size_t p) {
      for (size_t o = 0; o < targets.size(); ++o) {
        const std::string& name = graph_.outputs[o];
        Tensor gradient = outputs[p].at(name);
        const Tensor wanted = targets[o].Gather(of_part[p]);
        const auto g = gradient.as<float>();
        const auto y = wanted.as<float>();
        const auto scale = static_cast<float>(factor[o] / static_cast<double>(rows));
        for (size_t i = 0; i < g.size(); ++i) g[i] = scale * (g[i] - y[i]);
        gradients[p].emplace(name, std::move(gradient));
      }
    });
    TensorMap by_weights = tape.Backward(std::move(gradients), weights);
    optimizer.Begin(kPath / static_cast<double>(settings.steps));
    size_t parameter = 0;
    const double beta = kFirstBeta + (kLastBeta - kFirstBeta) * std::min(1.0, done / kSoft);
    for (Layer& layer : layers_) {
      if (soft) {
        const auto by_latents = by_weights.at(layer.weights).as<float>();
        layer.rounding.Backward(by_latents);
        layer.rounding.AddRegularizer(beta, kRegularizer, by_latents);
        optimizer.Update(parameter, layer.rounding.latents(), by_latents);
      }
      ++parameter;
      if (layer.bias.empty()) continue;
      const auto by_bias = by_weights.at(layer.bias).as<float>();
      for (size_t n = 0; n < by_bias.size(); ++n) by_bias[n] *= layer.bias_unit[n];
      optimizer.Update(parameter++, layer.bias_latents, by_bias);
    }
    settings.step();
  }
}

void BlockRounding::Write(quantize::Quantization& quantization) const {
  for (const Layer& layer : layers_) {
    if (rounds_anew_) quantization.weights.at(layer.label).values = layer.rounding.Levels();
    if (!layer.bias.empty()) quantization.bias.at(layer.label) = IntegerBias(layer);
  }
}

}  // namespace lutra::converter::train
