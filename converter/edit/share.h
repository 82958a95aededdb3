// Weight sharing: every layer's weights become the centroids of their k-means
// clusters (Deep Compression, arXiv 1510.00149, section 3). Pruned weights stay 0, which is then
// one of the 2^bits values.
#pragma once

#include <vector>

#include "converter/cluster/kmeans.h"
#include "converter/edit/per_layer.h"

namespace lutra::converter::edit {

struct SharedLayer {
  size_t weight = 0;  ///< index
  int bits = 0;
  size_t values = 0;               ///< distinct ones after it, 0 of pruned weights among them
  cluster::Clustering clustering;  ///< of the weights that are not pruned
  double sqnr_db = 0;              ///< infinite where nothing changes
  double lloyd[3] = {0, 0, 0};  ///< distortion from linear, density and random starts, if asked for
};

/// Clusters the layers that `bits` names, each to 2^bits values. With `compare`, Lloyd's iterations
/// run beside the optimum. All weights are finite. Throws Error when a name fits no layer.
std::vector<SharedLayer> ShareWeights(std::vector<LayerWeights>& weights, const PerLayer& bits,
                                      bool compare);

}  // namespace lutra::converter::edit
