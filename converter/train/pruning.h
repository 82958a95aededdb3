// Pruning while training: the smallest weights become 0 a few at a time, so that the others can
// take over, and one that was cut may come back if it has grown (the masks are chosen anew from all
// weights, cut ones included, whose values stand still meanwhile).
//
// The share that is cut follows the cubic schedule of Zhu and Gupta, "To prune, or not to prune"
// (arXiv 1710.01878): s(t) = target * (1 - (1 - t / end)^3), t the step, `end` a part of all steps
// of the stage.
//
// Over several layers magnitudes say little: which layers need how many of their weights is better
// told by the scores of Lee et al., "Layer-adaptive sparsity for the magnitude-based pruning"
// (LAMP, arXiv 2010.07611), a weight's square over the sum of the squares that would still be there
// when it is the smallest left. Small layers keep more of theirs, and each keeps at least one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "converter/train/prune_blocks.h"
#include "converter/train/trained_weight.h"

namespace lutra::converter::train {

struct PruneSettings {
  /// Share of the weights that is cut in the end: of every layer, by its own magnitudes ...
  double sparsity = 0;
  /// ... or of all layers together, by LAMP's scores.
  bool global = false;
  bool blocks =
      false;           ///< whole blocks that the runtime skips (prune_blocks.h), not single weights
  double share = 0.6;  ///< of all epochs go into pruning, before quantization
  double end = 0.6;    ///< of its steps, after which the masks stay
  size_t every = 20;   ///< steps between new masks, at most; masks are new 50 times or more
};

/// The step of the stage from which the masks stay.
size_t LastCut(const PruneSettings& settings, size_t steps);

/// How much of what shall be cut is, at a step, 0 to 1; from LastCut on, all of it.
double PartAt(const PruneSettings& settings, size_t step, size_t steps);

/// A weight whose elements are cut one by one, or by blocks.
struct PrunedWeight {
  TrainedWeight* weight = nullptr;
  double sparsity = 0;  ///< share of them that is cut in the end
  const PruneBlocks* blocks = nullptr;
};

/// Sets the masks of these weights so that `part` of their sparsity is cut, the elements or blocks
/// of smallest magnitudes (of blocks: root mean squares; of equal ones the first). All bands of a
/// weight lose the same number of blocks, rounded, for the one that keeps most decides how long
/// the kernels take. `global`: all weights have the same sparsity, which is that of all together.
void SetMasks(const std::vector<PrunedWeight>& weights, double part, bool global);

}  // namespace lutra::converter::train
