#include "converter/train/reconstruct.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "converter/data/spread.h"
#include "converter/error.h"
#include "converter/passes/passes.h"
#include "converter/quantize/operators.h"
#include "converter/train/block_rounding.h"
#include "converter/train/blocks.h"
#include "converter/train/memory.h"

namespace lutra::converter::train {
namespace {

constexpr size_t kFewest = 16;  // samples, of which four are held out
constexpr size_t kHeldOut = 4;  // one of so many
// Of all samples' values between two blocks, 128 MB, which are held three or four times.
constexpr size_t kMostElements = size_t{1} << 25;
// Multiply-adds of all steps from both starts: some ten minutes of two cores with AVX2.
constexpr double kMostWork = 1e13;
constexpr std::array kStarts = {Start::rounding, Start::weight};
constexpr size_t kFewestSteps = 50;
// Biases alone are learned in a quarter of the steps.
constexpr size_t kBiasShare = 4;
// Longer rows, changed without looking, could leave int32: of int8, and of larger weights as much
// shorter ones.
constexpr size_t kLongestRow = 32768, kLargestOfInt8 = 128;

/// Ends before a Softmax at the end, whose probabilities tell less than its scores.
Graph BeforeSoftmax(Graph graph) {
  for (std::string& output : graph.outputs) {
    std::string value = output;
    while (const std::optional<size_t> producer = graph.Producer(value)) {
      const Node& node = graph.nodes[*producer];
      if (quantize::IsFinalSoftmax(graph, node)) {
        output = node.inputs[0];
        break;
      }
      if (quantize::IntegerFormOf(graph, node).form != IntegerForm::passive) break;
      value = node.inputs[0];
    }
  }
  passes::RemoveDeadCode(graph);
  return graph;
}

std::set<std::string> LayersOf(const Graph& graph, const quantize::Quantization& quantization) {
  std::set<std::string> layers;
  for (const Node& node : graph.nodes) {
    const auto weights = quantization.weights.find(node.Label());
    if (weights == quantization.weights.end() || !quantization.IsInteger(node)) continue;
    const auto largest = static_cast<size_t>(weights->second.LargestWeight());
    if (weights->second.k * largest > kLongestRow * kLargestOfInt8) continue;
    layers.insert(node.Label());
  }
  return layers;
}

/// Multiply-adds of the layers for one sample.
double Work(const Graph& graph, const std::set<std::string>& layers,
            const quantize::Quantization& quantization) {
  double work = 0;
  for (const Node& node : graph.nodes) {
    if (!layers.contains(node.Label())) continue;
    work += static_cast<double>(Elements(graph, node.outputs[0])) *
            static_cast<double>(quantization.weights.at(node.Label()).k);
  }
  return work;
}

class Reconstruction {
 public:
  Reconstruction(const Graph& graph, const ReconstructSettings& settings,
                 const quantize::Progress& progress, quantize::Quantization& quantization)
      : graph_(BeforeSoftmax(graph)),
        layers_(LayersOf(graph_, quantization)),
        blocks_(CutIntoBlocks(graph_, layers_)),
        settings_(settings),
        progress_(progress),
        quantization_(quantization),
        workers_(settings.threads) {
    // Forward and backward are three times the work.
    const double step = kStarts.size() * 3 * static_cast<double>(settings.batch) *
                        Work(graph_, layers_, quantization);
    const double most = step > 0 ? kMostWork / step : 0;
    steps_ = most >= static_cast<double>(settings.steps)
                 ? settings.steps
                 : std::max(kFewestSteps, static_cast<size_t>(most));
  }

  /// False: nothing brought the output nearer, and all is as it was. What is best for each block
  /// need not be for those behind it; the start that changes less is then tried alone.
  bool Run(const data::Dataset& data) {
    const ValueRows inputs = ReadInputs(data);
    Split(inputs.count());
    return RunFrom(kStarts, inputs) || RunFrom(std::span(kStarts).first(1), inputs);
  }

 private:
  bool RunFrom(std::span<const Start> starts, ValueRows real) {
    ValueRows rounded = real, before = real.Select(held_out_);
    const quantize::Quantization first = quantization_;
    double error = 0, error_before = 0;
    for (size_t b = 0; b < blocks_.size(); ++b) {
      const Block& block = blocks_[b];
      std::vector<ValueRows> targets =
          RunRows(block.graph, block.graph.inputs[0], real, {}, workers_);
      real = {};
      const std::vector<ValueRows> held_targets = Held(targets);
      BlockRounding rounding(block, first);
      const TensorMap weights = rounding.Weights();
      std::vector<ValueRows> outputs_before =
          RunRows(rounding.graph(), rounding.input(), before, weights, workers_);
      error_before = rounding.Error(outputs_before, held_targets);
      if (rounding.CanLearn()) Improve(b, starts, rounding, rounded, targets, held_targets);
      rounding.Write(quantization_);
      std::vector<ValueRows> outputs =
          RunRows(rounding.graph(), rounding.input(), rounded, rounding.Weights(), workers_);
      error = rounding.Error(Held(outputs), held_targets);
      real = std::move(targets[0]);
      rounded = std::move(outputs[0]);
      before = std::move(outputs_before[0]);
    }
    if (error < error_before) return true;
    quantization_ = first;
    return false;
  }

  ValueRows ReadInputs(const data::Dataset& data) const {
    size_t most = 1;
    for (const Block& block : blocks_) {
      size_t outputs = 0;
      for (const std::string& output : block.graph.outputs) outputs += Elements(graph_, output);
      most = std::max({most, outputs, Elements(graph_, block.graph.inputs[0])});
    }
    const size_t samples = std::max(kFewest, std::min(settings_.samples, kMostElements / most));
    const data::Spread spread(data, samples);
    ValueRows rows{*graph_.Info(graph_.inputs[0])->dims, {}};
    for (size_t i = 0; i < spread.size(); ++i) {
      const Tensor input = data::AsInput(spread.Get(i), rows.dims);
      rows.values.insert(rows.values.end(), input.as<float>().begin(), input.as<float>().end());
    }
    return rows;
  }

  void Split(size_t samples) {
    for (uint32_t i = 0; i < samples; ++i) {
      (i % kHeldOut == kHeldOut - 1 ? held_out_ : learned_on_).push_back(i);
    }
  }

  std::vector<ValueRows> Held(const std::vector<ValueRows>& all) const {
    std::vector<ValueRows> held;
    for (const ValueRows& rows : all) held.push_back(rows.Select(held_out_));
    return held;
  }

  /// Takes the best that was found. Biases are learned alone only where no rounding is better.
  void Improve(size_t number, std::span<const Start> starts, BlockRounding& rounding,
               const ValueRows& rounded, const std::vector<ValueRows>& targets,
               const std::vector<ValueRows>& held_targets) {
    const ValueRows held = rounded.Select(held_out_);
    const auto error = [&](const BlockRounding& of) {
      return of.Error(RunRows(of.graph(), of.input(), held, of.Weights(), workers_), held_targets);
    };
    const double former = error(rounding);
    if (!(former > 0)) return;
    const size_t block_steps = starts.size() * steps_, total = blocks_.size() * block_steps;
    size_t done = number * block_steps;
    LearnRounding settings{.steps = steps_,
                           .batch = settings_.batch,
                           .start = {},
                           .seed = settings_.seed,
                           .block = number,
                           .step = [&] {
                             if (progress_) progress_("reconstruct", ++done, total);
                           }};
    const BlockRounding before = rounding;
    double least = former;
    const auto learn = [&] {
      BlockRounding learned = before;
      learned.Learn(rounded, targets, learned_on_, former, settings, workers_);
      const double now = error(learned);
      if (!(now < least)) return;
      least = now;
      rounding = std::move(learned);
    };
    for (const Start start : starts) {
      settings.start = start;
      learn();
    }
    if (least < former) return;
    settings.start.reset();
    settings.steps = std::max<size_t>(1, steps_ / kBiasShare);
    done = number * block_steps;
    learn();
  }

  const Graph graph_;
  const std::set<std::string> layers_;
  const std::vector<Block> blocks_;
  const ReconstructSettings& settings_;
  const quantize::Progress& progress_;
  quantize::Quantization& quantization_;
  Workers workers_;
  size_t steps_ = 0;
  std::vector<uint32_t> learned_on_, held_out_;
};

}  // namespace

void Reconstruct(const Graph& graph, const data::Dataset& data, const ReconstructSettings& settings,
                 const quantize::Progress& progress, quantize::Quantization& quantization,
                 Warnings& warnings) {
  if (LayersOf(graph, quantization).empty()) {
    warnings.Add(
        "--effort high does nothing for this model: no layer computes with integer "
        "weights and integer activations");
    return;
  }
  if (data.size() < kFewest) {
    warnings.Add("--effort high does nothing with " + std::to_string(data.size()) +
                 " calibration samples; give at least " + std::to_string(kFewest) +
                 ", better some hundred");
    return;
  }
  const std::vector<int64_t>& dims = graph.Info(graph.inputs[0])->dims.value();
  if (dims.empty() || dims[0] != 1) {
    warnings.Add("--effort high does nothing for a network whose batch is " + DimsText(dims) +
                 " in the file; give --input-shape with a batch of 1");
    return;
  }
  KeepFreedMemory();
  if (!Reconstruction(graph, settings, progress, quantization).Run(data)) {
    warnings.Add(
        "--effort high found no rounding with which the output is nearer to FP32's on "
        "samples held out; that of --effort normal stays");
  }
}

}  // namespace lutra::converter::train
