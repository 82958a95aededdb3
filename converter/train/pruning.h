// Pruning while training: the smallest weights become 0 a few at a time, so that the others can
// take over, and one that was cut may come back if it has grown (the masks are chosen anew from all
// weights, cut ones included, whose values stand still meanwhile).
//
// The share that is cut follows the cubic schedule of Zhu and Gupta, "To prune, or not to prune"
// (arXiv 1710.01878): s(t) = target * (1 - (1 - t / end)^3), t the step, `end` a part of all steps
// of the stage.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "converter/train/trained_weight.h"

namespace lutra::converter::train {

struct PruneSettings {
  /// Share of the weights that is cut in the end: of every layer, by its own magnitudes ...
  double sparsity = 0;
  /// ... or of all layers together, magnitudes in units of the layer's mean magnitude.
  bool global = false;
  double share = 0.6;  ///< of all epochs go into pruning, before quantization
  double end = 0.6;    ///< of its steps, after which the masks stay
  size_t every = 20;   ///< steps between new masks
};

/// The share at a step.
double SparsityAt(const PruneSettings& settings, size_t step, size_t steps);

/// Sets the masks of these weights so that `sparsity` of them is cut, the smallest magnitudes (of
/// equal ones the first).
void SetMasks(const std::vector<TrainedWeight*>& weights, double sparsity, bool global);

}  // namespace lutra::converter::train
