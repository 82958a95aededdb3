#include "converter/train/tune.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <utility>

#include "converter/data/spread.h"
#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/passes/passes.h"
#include "converter/quantize/quantize.h"
#include "converter/train/layer_grids.h"
#include "converter/train/points.h"

namespace lutra::converter::train {
namespace {

Graph LaidOut(Graph fused) {
  passes::LayOutGraph(fused);
  return fused;
}

/// The float network's scores, one executor for each part.
Teacher MakeTeacher(const Network& network, const TensorMap& values) {
  struct Float {
    Graph graph;
    std::deque<executor::FloatExecutor> executors;
  };
  const auto teacher = std::make_shared<Float>();
  teacher->graph = network.graph;
  for (const auto& [name, value] : values) {
    std::erase(teacher->graph.inputs, name);
    teacher->graph.initializers.emplace(name, value);
  }
  for (size_t p = 0; p < kParts; ++p) teacher->executors.emplace_back(teacher->graph);
  return [teacher, input = network.input, scores = network.scores](const Tensor& x, size_t part) {
    return teacher->executors[part].Run({{input, x}}).at(scores);
  };
}

/// Every latent of a layer without a grid in units of its channel's largest weight, of a bias in
/// units of what the layer's results reach.
TrainedWeight InUnits(const TrainedWeight& weight, const quantize::QuantParams* results) {
  const Tensor& values = weight.latents()[0].values;
  if (values.rank() < 2) {
    float unit = results == nullptr ? 0 : 127 * results->scale;
    for (const float x : values.as<float>()) unit = std::max(unit, std::fabs(x));
    return {weight.name(), values, weight.decays(), {1, 1}, {unit}};
  }
  const auto channels = static_cast<size_t>(values.dims()[0]);
  const ChannelAxis axis{channels, values.elements() / channels};
  std::vector<float> unit(channels);
  for (size_t i = 0; i < values.elements(); ++i) {
    unit[axis.Of(i)] = std::max(unit[axis.Of(i)], std::fabs(values.as<float>()[i]));
  }
  return {weight.name(), values, weight.decays(), axis, std::move(unit)};
}

class Tuner {
 public:
  Tuner(Graph& fused, const TuneSettings& settings, const TuneLog& log, Warnings& warnings)
      : fused_(fused),
        settings_(settings),
        log_(log),
        warnings_(warnings),
        laid_out_(LaidOut(fused)),
        map_(quantize::MapLayout(fused)) {}

  quantize::Quantization Run(std::map<std::string, quantize::LayerScheme> schemes,
                             const data::Dataset& data) {
    const data::Spread calibration(data, settings_.calibration);
    quantization_ = quantize::QuantizeGraph(laid_out_, std::move(schemes), &calibration,
                                            log_.progress, warnings_);
    layers_ = FindLayers(fused_, map_, quantization_);
    Trainable trainable = MakeTrainable(fused_);
    const TensorMap values = trainable.values;
    Network network = MakeNetwork(std::move(trainable), settings_.scores);
    const Teacher teacher = MakeTeacher(network, values);
    Constrain(network);
    Train(network, data, teacher);
    return Finish(network);
  }

 private:
  void Constrain(Network& network) const {
    for (TrainedWeight& weight : network.weights) {
      const Layer* const layer = LayerOf(weight.name());
      if (layer != nullptr && layer->weight == weight.name()) {
        weight = OnGrid(fused_, *layer, map_, quantization_.weights.at(layer->label),
                        settings_.prune.sparsity > 0);
      } else {
        weight = InUnits(weight, layer == nullptr ? nullptr : quantization_.Params(layer->label));
        if (layer != nullptr) StartBias(*layer, weight);
      }
    }
    InsertPoints(quantization_, network.graph);
    network.scores = network.graph.outputs[0];
  }

  /// What the integers of plain conversion mean, which make up for the rounding of the weights.
  void StartBias(const Layer& layer, TrainedWeight& bias) const {
    const auto integers = quantization_.bias.find(layer.label);
    const float beta = layer.node->op == "Gemm" ? layer.node->Float("beta", 1.0F) : 1.0F;
    Tensor& latent = bias.latents()[0].values;
    if (integers == quantization_.bias.end() || integers->second.size() != latent.elements())
      return;
    const Node& node = *std::ranges::find(laid_out_.nodes, layer.label, &Node::Label);
    const float input = quantization_.Params(node.inputs[0])->scale;
    const std::vector<float>& scale = quantization_.weights.at(layer.label).scale;
    const float unit = bias.unit();
    for (size_t n = 0; n < integers->second.size(); ++n) {
      latent.as<float>()[n] =
          static_cast<float>(integers->second[n]) * input * scale[n] / (beta * unit);
    }
  }

  const Layer* LayerOf(const std::string& initializer) const {
    for (const Layer& layer : layers_) {
      if (layer.weight == initializer || layer.bias == initializer) return &layer;
    }
    return nullptr;
  }

  void Train(Network& network, const data::Dataset& data, const Teacher& teacher) {
    Workers workers(settings_.threads);
    const SampleStore store(data, network.input_dims, workers);
    TrainSettings settings = settings_.train;
    // Until pruning is done, weights are too many; without it plain conversion is what to beat.
    settings.first_kept = settings_.prune.sparsity > 0 ? FirstPruned(settings.epochs) : 0;
    Trainer trainer(network, store, settings, workers, warnings_);
    trainer.SetTeacher(teacher);
    trainer.OnResume(log_.resume);
    trainer.AfterStep(log_.step);
    log_.start(trainer.ValidateTeacher().accuracy, trainer.Validate().accuracy);
    if (settings_.prune.sparsity > 0) {
      std::vector<TrainedWeight*> pruned;
      for (TrainedWeight& weight : network.weights) {
        if (weight.decays()) pruned.push_back(&weight);
      }
      trainer.BeforeStep([this, pruned](size_t step, size_t steps) {
        const auto last = static_cast<size_t>(settings_.prune.end * static_cast<double>(steps));
        if (step > last || (step != last && step % settings_.prune.every != 0)) return;
        SetMasks(pruned, SparsityAt(settings_.prune, step, steps), settings_.prune.global);
      });
    }
    try {
      trainer.Run(log_.epoch);
    } catch (const Diverged& diverged) {
      if (diverged.best_epoch() == 0) throw;
      warnings_.Add(std::string(diverged.what()) + "; the weights of epoch " +
                    std::to_string(diverged.best_epoch()) + ", the best before, are kept");
    }
  }

  /// The first epoch at whose end the masks are final.
  size_t FirstPruned(size_t epochs) const {
    const double done = std::ceil(settings_.prune.end * static_cast<double>(epochs));
    return std::clamp<size_t>(static_cast<size_t>(done) + 1, 1, epochs);
  }

  /// Weights go into the fused graph; the quantization gets their integers.
  quantize::Quantization Finish(Network& network) {
    std::map<std::string, const TrainedWeight*> tuned;
    for (TrainedWeight& weight : network.weights) {
      fused_.initializers.at(weight.name()) = weight.Weights();
      tuned[weight.name()] = &weight;
    }
    const Graph laid_out = LaidOut(fused_);
    quantization_.bias.clear();
    for (const Layer& layer : layers_) {
      const Node& node = *std::ranges::find(laid_out.nodes, layer.label, &Node::Label);
      quantization_.weights[layer.label] = FromGrid(
          laid_out, node, quantization_.schemes.at(layer.label), *tuned.at(layer.weight)->grid());
    }
    quantize::QuantizeAllWeights(laid_out, {}, quantization_);
    return std::move(quantization_);
  }

  Graph& fused_;
  const TuneSettings& settings_;
  const TuneLog& log_;
  Warnings& warnings_;
  const Graph laid_out_;
  const quantize::LayoutMap map_;
  quantize::Quantization quantization_;
  std::vector<Layer> layers_;
};

}  // namespace

quantize::Quantization Tune(Graph& fused, std::map<std::string, quantize::LayerScheme> schemes,
                            const data::Dataset& data, const TuneSettings& settings,
                            const TuneLog& log, Warnings& warnings) {
  return Tuner(fused, settings, log, warnings).Run(std::move(schemes), data);
}

}  // namespace lutra::converter::train
