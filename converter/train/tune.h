// From a trained float network to a quantized, pruned one that kept its accuracy: the network is
// trained on against the very integers that the runtime will execute.
//
// Weights are pruned first, while they are still real numbers; then, in a second stage, everything
// is quantized. That begins as plain conversion ends: calibrated activations, rounded weights. In
// the graph every activation that will be int8 passes a quantization point (quantize/point.h),
// whose scale is learned (step_sizes.h); every weight comes from its grid (weight_grid.h) and mask
// (pruning.h). The float network is the teacher: its scores are the goal beside the labels, or
// without them (Hinton, Vinyals, Dean, arXiv 1503.02531). What comes out is not rounded once more:
// grids and points become the file's integers as they are.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "converter/data/dataset.h"
#include "converter/graph/graph.h"
#include "converter/quantize/calibrate.h"
#include "converter/quantize/quantization.h"
#include "converter/train/pruning.h"
#include "converter/train/trainer.h"

namespace lutra::converter::train {

struct TuneSettings {
  TrainSettings train;
  PruneSettings prune;
  size_t calibration = 512;  ///< samples, spread over the data
  /// The output that labels or targets are of; "": the only row of scores, or what ChooseOutput
  /// says.
  std::string scores;
  size_t threads = 0;
  bool learn_steps = true;  ///< scales of activations too; else they stay as calibrated
  using Choose = std::function<std::map<std::string, quantize::LayerScheme>(
      const Graph&, std::map<std::string, quantize::LayerScheme>)>;
  /// What a budget makes of the schemes, of the laid out network, as pruning leaves it; empty: they
  /// are as they were given.
  Choose choose;
  /// The same before pruning, of the network as it comes: the sparsity that each layer gets by
  /// pruning. Empty: what `prune` says.
  Choose choose_sparsities;
  /// By how many bytes a laid out network is above a size. What is above it is not the result of
  /// training; plain conversion gets other schemes from `tighter` until it is within. Both or none.
  std::function<uint64_t(const Graph&, const quantize::Quantization&)> excess;
  std::function<std::map<std::string, quantize::LayerScheme>(uint64_t bytes)> tighter;
};

/// Where the pruning stage keeps its own checkpoint, beside that of the settings.
inline constexpr const char* kPruningSuffix = ".pruning";

struct TuneLog {
  std::function<void(const std::string& name)> stage;  ///< where there are two: which begins
  quantize::Progress progress;                         ///< of calibration
  /// Accuracy on the validation samples of the float network and of plain conversion, fractions
  /// (NaN without validation samples or with targets; without labels: agreement with the float
  /// network).
  std::function<void(double fp32, double converted)> start;
  std::function<void(size_t step, size_t steps)> resume;  ///< from a checkpoint, so many are done
  std::function<void(size_t step, size_t steps)> step;
  std::function<bool(const EpochReport&)> epoch;  ///< false: enough
};

/// `fused` is the network after FuseGraph; its weights become the tuned ones. The quantization is
/// for the same after LayOutGraph, with `schemes` by node label there. Throws Error naming the node
/// where no gradient passes.
quantize::Quantization Tune(Graph& fused, std::map<std::string, quantize::LayerScheme> schemes,
                            const data::Dataset& data, const TuneSettings& settings,
                            const TuneLog& log, Warnings& warnings);

}  // namespace lutra::converter::train
