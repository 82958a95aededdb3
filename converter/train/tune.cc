#include "converter/train/tune.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "converter/data/spread.h"
#include "converter/error.h"
#include "converter/exact_text.h"
#include "converter/executor/float_executor.h"
#include "converter/graph/product.h"
#include "converter/passes/passes.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/quantize.h"
#include "converter/train/layer_grids.h"
#include "converter/train/points.h"
#include "converter/train/step_sizes.h"

namespace lutra::converter::train {
namespace {

constexpr size_t kFewestCuts = 50;

Graph LaidOut(Graph fused) {
  passes::LayOutGraph(fused);
  return fused;
}

/// `target`: dimensions of one, where it is trained against such.
using TargetDims = std::optional<std::vector<int64_t>>;

Network MakeNetwork(Trainable trainable, const TuneSettings& settings, const TargetDims& target) {
  return target ? MakeNetworkOf(std::move(trainable), settings.scores, *target)
                : train::MakeNetwork(std::move(trainable), settings.scores);
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

/// Every latent of a layer without a grid in units of the largest weight of its slice along the
/// first dimension, which is a channel's but where a Gemm has its inputs there; of a bias in units
/// of what the layer's results reach.
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
  axis.ForEach(values.elements(), [&](size_t i, size_t channel) {
    unit[channel] = std::max(unit[channel], std::fabs(values.as<float>()[i]));
  });
  return {weight.name(), values, weight.decays(), axis, std::move(unit)};
}

/// Training with what every stage has: samples, teacher, logs.
class Stage {
 public:
  Stage(const data::Dataset& data, const std::vector<int64_t>& input_dims, size_t threads,
        const TuneLog& log, Warnings& warnings)
      : log_(log), warnings_(warnings), workers_(threads), store_(data, input_dims, workers_) {}

  /// `prepare`, if any, sees the trainer before it runs. Returns the epoch whose weights these are,
  /// 0: those before.
  size_t Train(Network& network, const Teacher& teacher, const TrainSettings& settings,
               const std::function<void(Trainer&)>& prepare = {}) {
    Trainer trainer(network, store_, settings, workers_, warnings_);
    trainer.SetTeacher(teacher);
    trainer.OnResume(log_.resume);
    trainer.AfterStep(log_.step);
    if (prepare) prepare(trainer);
    try {
      trainer.Run(log_.epoch);
    } catch (const Diverged& diverged) {
      if (diverged.best_epoch() == 0) throw;
      warnings_.Add(std::string(diverged.what()) + "; the weights of epoch " +
                    std::to_string(diverged.best_epoch()) + ", the best before, are kept");
    }
    return trainer.best_epoch();
  }

 private:
  const TuneLog& log_;
  Warnings& warnings_;
  Workers workers_;
  const SampleStore store_;
};

/// So that channels learn alike.
void BringToUnits(Network& network, const quantize::Quantization& quantization,
                  const std::vector<Layer>& layers) {
  for (TrainedWeight& weight : network.weights) {
    const auto layer = std::ranges::find(layers, weight.name(), &Layer::bias);
    weight = InUnits(weight, layer == layers.end() ? nullptr : quantization.Params(layer->label));
  }
}

/// All but what the graph does not have: the step sizes of activations.
void WriteWeights(Network& network, Graph& fused) {
  for (TrainedWeight& weight : network.weights) {
    const auto initializer = fused.initializers.find(weight.name());
    if (initializer != fused.initializers.end()) initializer->second = weight.Weights();
  }
}

using Schemes = std::map<std::string, quantize::LayerScheme>;

/// A layer with weights: its label in the laid out graph, and the initializer.
struct WeightedLayer {
  std::string label, weight;
};

std::vector<WeightedLayer> WeightedLayers(const Graph& fused) {
  const quantize::LayoutMap map = quantize::MapLayout(fused);
  std::vector<WeightedLayer> layers;
  for (const Node& node : fused.nodes) {
    const auto label = map.label.find(node.Label());
    if (label == map.label.end() || !quantize::HasWeights(fused, node)) continue;
    layers.push_back({label->second, node.inputs[1]});
  }
  return layers;
}

/// By initializer. Layers that share one get the least of their sparsities.
std::map<std::string, double> SparsityOfWeights(const Graph& fused, Schemes& schemes) {
  const std::vector<WeightedLayer> layers = WeightedLayers(fused);
  std::map<std::string, double> sparsities;
  for (const auto& [label, weight] : layers) {
    const double sparsity = schemes.at(label).sparsity;
    const auto added = sparsities.emplace(weight, sparsity);
    if (!added.second) added.first->second = std::min(added.first->second, sparsity);
  }
  for (const auto& [label, weight] : layers) schemes.at(label).sparsity = sparsities.at(weight);
  return sparsities;
}

/// Schemes of pruned layers keep the zeros that their weights have.
void KeepSparsities(const Graph& fused, Schemes& schemes) {
  for (const auto& [label, weight] : WeightedLayers(fused)) {
    const std::span<const float> values = fused.Constant(weight)->as<float>();
    schemes.at(label).sparsity =
        static_cast<double>(std::ranges::count(values, 0.0F)) / static_cast<double>(values.size());
  }
}

/// `blocks` by initializer; `chosen` too: of each weight its own sparsity, instead of the
/// settings'.
std::vector<PrunedWeight> WeightsToPrune(Network& network, const PruneSettings& settings,
                                         const std::map<std::string, PruneBlocks>& blocks,
                                         const std::map<std::string, double>& chosen) {
  std::vector<PrunedWeight> pruned;
  for (TrainedWeight& weight : network.weights) {
    if (!weight.decays()) continue;
    const auto own = chosen.find(weight.name());
    const auto of_blocks = blocks.find(weight.name());
    if (!chosen.empty()) {
      if (own != chosen.end() && own->second > 0) pruned.push_back({&weight, own->second});
    } else if (!settings.blocks) {
      pruned.push_back({&weight, settings.sparsity});
    } else if (of_blocks != blocks.end()) {
      pruned.push_back({&weight, settings.sparsity, &of_blocks->second});
    }
  }
  return pruned;
}

/// The first of the two stages: weights are cut while the others, still real numbers, take over.
/// `chosen` as for WeightsToPrune.
void PruneStage(Graph& fused, const std::map<std::string, double>& chosen,
                const TuneSettings& settings, const TuneLog& log, const TargetDims& target,
                const Teacher& teacher, Stage& stage) {
  log.stage("pruning");
  Network network = MakeNetwork(MakeTrainable(fused), settings, target);
  BringToUnits(network, {}, {});
  TrainSettings train = settings.train;
  train.epochs = std::max<size_t>(
      1,
      static_cast<size_t>(std::lround(settings.prune.share * static_cast<double>(train.epochs))));
  // The first epoch at whose end the masks are final.
  const double last = std::ceil(settings.prune.end * static_cast<double>(train.epochs));
  train.first_kept = std::clamp<size_t>(static_cast<size_t>(last) + 1, 1, train.epochs);
  train.target = std::numeric_limits<double>::quiet_NaN();
  train.time_limit *= settings.prune.share;
  if (!train.checkpoint.empty()) train.checkpoint += kPruningSuffix;
  std::map<std::string, PruneBlocks> blocks;
  if (settings.prune.blocks) blocks = FindPruneBlocks(fused, quantize::MapLayout(fused));
  for (const auto& [name, sparsity] : chosen) {
    train.fingerprint["the zeros of '" + name + "'"] = ExactText(sparsity);
  }
  const std::vector<PrunedWeight> pruned = WeightsToPrune(network, settings.prune, blocks, chosen);
  stage.Train(network, teacher, train, [&](Trainer& trainer) {
    trainer.BeforeStep([&settings, pruned](size_t step, size_t steps) {
      const size_t end = LastCut(settings.prune, steps);
      // Short runs cut as gently as long ones.
      const size_t every = std::clamp<size_t>(end / kFewestCuts, 1, settings.prune.every);
      if (step > end || (step != end && step % every != 0)) return;
      SetMasks(pruned, PartAt(settings.prune, step, steps), settings.prune.global);
    });
  });
  WriteWeights(network, fused);
}

/// The second, or the only one: weights on their grids, activations rounded.
class QuantizeStage {
 public:
  /// `pruned`: by a stage before, whose zeros stay.
  QuantizeStage(Graph& fused, const TuneSettings& settings, bool pruned, const TargetDims& target,
                const TuneLog& log)
      : fused_(fused),
        settings_(settings),
        pruned_(pruned),
        target_(target),
        log_(log),
        laid_out_(LaidOut(fused)),
        map_(quantize::MapLayout(fused)) {}

  quantize::Quantization Run(Schemes schemes, const data::Dataset& data, const Teacher& teacher,
                             Stage& stage, Warnings& warnings) {
    if (settings_.choose) schemes = settings_.choose(laid_out_, std::move(schemes));
    const data::Spread calibration(data, settings_.calibration);
    for (uint64_t excess = 1; excess != 0;) {
      quantization_ = quantize::QuantizeGraph(laid_out_, std::move(schemes), &calibration,
                                              log_.progress, warnings);
      excess = settings_.excess ? settings_.excess(laid_out_, quantization_) : 0;
      if (excess != 0) schemes = settings_.tighter(excess);
    }
    layers_ = FindLayers(fused_, map_, quantization_);
    Network network = MakeNetwork(MakeTrainable(fused_), settings_, target_);
    Constrain(network);
    TrainSettings train = settings_.train;
    if (pruned_) {
      train.epochs -= std::min(train.epochs - 1,
                               static_cast<size_t>(std::lround(settings_.prune.share *
                                                               static_cast<double>(train.epochs))));
      train.time_limit *= 1 - settings_.prune.share;
    }
    train.first_kept = 0;  // plain conversion is what to beat
    size_t unfit = 0;
    const size_t best = stage.Train(network, teacher, train, [&](Trainer& trainer) {
      if (settings_.excess) {
        trainer.KeepOnlyIf([&] {
          const bool fits = Fits(network);
          unfit += fits ? 0 : 1;
          return fits;
        });
      }
      log_.start(trainer.ValidateTeacher().accuracy, trainer.Validate().accuracy);
    });
    if (best == 0 && unfit > 0) {
      warnings.Add(
          "what training made of the weights takes more bytes than the file may have; it "
          "holds those of plain conversion: give more --sparsity, or more bytes");
    }
    return Quantized(network, fused_);
  }

 private:
  bool Fits(Network& network) const {
    Graph fused = fused_;
    const quantize::Quantization now = Quantized(network, fused);
    return settings_.excess(LaidOut(std::move(fused)), now) == 0;
  }

  void Constrain(Network& network) {
    BringToUnits(network, quantization_, layers_);
    for (TrainedWeight& weight : network.weights) {
      for (const Layer& layer : layers_) {
        if (layer.bias == weight.name()) StartBias(layer, weight);
        if (layer.weight != weight.name() || weight.grid()) continue;
        const quantize::LayerScheme& scheme = quantization_.schemes.at(layer.label);
        weight = OnGrid(fused_, layer, map_, quantization_.weights.at(layer.label),
                        scheme.sparsity > 0, scheme.granularity == Granularity::tensor);
      }
      if (pruned_ && weight.decays()) KeepZeros(weight);
    }
    if (settings_.learn_steps) {
      steps_.emplace(laid_out_, quantization_);
      steps_->InsertPoints(quantization_, network);
    } else {
      InsertPoints(quantization_, network.graph);
    }
    network.scores = network.graph.outputs[0];
  }

  /// What was cut stays cut.
  void KeepZeros(TrainedWeight& weight) const {
    const Tensor& values = *fused_.Constant(weight.name());
    Mask kept;
    for (const float x : values.as<float>()) kept.push_back(x != 0 ? 1 : 0);
    weight.SetKept(std::move(kept));
  }

  /// What the integers of plain conversion mean, which make up for the rounding of the weights.
  void StartBias(const Layer& layer, TrainedWeight& bias) const {
    const auto integers = quantization_.bias.find(layer.label);
    const float beta = ProductOf(*layer.node)->beta;
    Tensor& latent = bias.latents()[0].values;
    const auto real = quantization_.float_bias.find(layer.label);
    if (real != quantization_.float_bias.end() && real->second.size() == latent.elements()) {
      std::ranges::transform(real->second, latent.as<float>().begin(),
                             [&](float b) { return b / (beta * bias.unit()); });
    }
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

  /// The quantization with the network's integers; `fused` gets its weights.
  quantize::Quantization Quantized(Network& network, Graph& fused) const {
    WriteWeights(network, fused);
    quantize::Quantization quantization = quantization_;
    if (steps_) steps_->Write(network, quantization);
    const Graph laid_out = LaidOut(fused);
    quantization.bias.clear();
    quantization.float_bias.clear();
    for (const Layer& layer : layers_) {
      const Node& node = *std::ranges::find(laid_out.nodes, layer.label, &Node::Label);
      const TrainedWeight& tuned =
          *std::ranges::find(network.weights, layer.weight, &TrainedWeight::name);
      quantization.weights[layer.label] =
          FromGrid(laid_out, node, quantization.schemes.at(layer.label), *tuned.grid());
    }
    quantize::QuantizeAllWeights(laid_out, {}, quantization);
    return quantization;
  }

  Graph& fused_;
  const TuneSettings& settings_;
  const bool pruned_;
  const TargetDims& target_;
  const TuneLog& log_;
  const Graph laid_out_;
  const quantize::LayoutMap map_;
  quantize::Quantization quantization_;
  std::vector<Layer> layers_;
  std::optional<StepSizes> steps_;
};

}  // namespace

quantize::Quantization Tune(Graph& fused, std::map<std::string, quantize::LayerScheme> schemes,
                            const data::Dataset& data, const TuneSettings& settings,
                            const TuneLog& log, Warnings& warnings) {
  Trainable trainable = MakeTrainable(fused);
  const TensorMap values = trainable.values;
  TargetDims target;
  if (settings.train.goal == Goal::targets) target = data.Get(0).target.dims();
  const Network real = MakeNetwork(std::move(trainable), settings, target);
  const Teacher teacher = MakeTeacher(real, values);
  Stage stage(data, real.input_dims, settings.threads, log, warnings);
  std::map<std::string, double> chosen;  // by initializer
  if (settings.choose_sparsities) {
    schemes = settings.choose_sparsities(LaidOut(fused), std::move(schemes));
    chosen = SparsityOfWeights(fused, schemes);
  }
  const bool prunes =
      settings.prune.sparsity > 0 ||
      std::ranges::any_of(chosen, [](const auto& entry) { return entry.second > 0; });
  if (prunes) {
    PruneStage(fused, chosen, settings, log, target, teacher, stage);
    KeepSparsities(fused, schemes);
    log.stage("quantization");
  }
  return QuantizeStage(fused, settings, prunes, target, log)
      .Run(std::move(schemes), data, teacher, stage, warnings);
}

}  // namespace lutra::converter::train
