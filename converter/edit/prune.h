// Magnitude pruning (Han, Pool, Tran, Dally, "Learning both Weights and Connections for Efficient
// Neural Networks", arXiv 1506.02626): weights smaller than a threshold become 0 and are marked as
// pruned.
#pragma once

#include <optional>
#include <vector>

#include "converter/edit/per_layer.h"

namespace lutra::converter::edit {

struct PruneOptions {
  /// Percent of each layer's weights that stay: the threshold is the (100 - percent)th percentile
  /// of their magnitudes (linear between neighbours); strictly smaller ones go.
  PerLayer keep;
  /// Layers that `keep` does not name, at most one of the two: the threshold is so many standard
  /// deviations of the layer's weights; or the percentile of all these layers' magnitudes together.
  std::optional<double> sensitivity;
  std::optional<double> sparsity;  ///< percent
};

/// All weights are finite. The thresholds, one for each weight; 0 where a layer is left as it is.
/// What was pruned before stays pruned. Throws Error when an option names no layer.
std::vector<double> Prune(std::vector<LayerWeights>& weights, const PruneOptions& options);

/// Linear between the neighbours of rank percent / 100 * (count - 1). Requires values.
double Percentile(std::vector<float> values, double percent);

}  // namespace lutra::converter::edit
