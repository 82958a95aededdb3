#include "converter/edit/share.h"

#include <cmath>
#include <limits>
#include <set>

namespace lutra::converter::edit {
namespace {

SharedLayer Share(LayerWeights& weight, int bits, bool compare) {
  SharedLayer layer;
  layer.bits = bits;
  std::vector<float> kept;
  for (size_t i = 0; i < weight.values.size(); ++i) {
    if (weight.kept[i]) kept.push_back(weight.values[i]);
  }
  const bool zero = kept.size() < weight.values.size();
  const size_t k = (size_t{1} << bits) - (zero ? 1 : 0);
  const cluster::SortedValues sorted = cluster::SortDistinct(kept);
  layer.clustering = cluster::KMeans(sorted, k);
  if (compare) {
    layer.lloyd[0] = cluster::Lloyd(sorted, k, cluster::LloydStart::linear).distortion;
    layer.lloyd[1] = cluster::Lloyd(sorted, k, cluster::LloydStart::density).distortion;
    layer.lloyd[2] = cluster::Lloyd(sorted, k, cluster::LloydStart::random, 1).distortion;
  }
  const std::vector<uint16_t> nearest = cluster::NearestCentroids(kept, layer.clustering.centroids);
  double signal = 0, noise = 0;
  std::set<float> values;
  if (zero) values.insert(0.0F);
  for (size_t i = 0, next = 0; i < weight.values.size(); ++i) {
    if (!weight.kept[i]) continue;
    const auto shared = static_cast<float>(layer.clustering.centroids[nearest[next++]]);
    const double w = static_cast<double>(weight.values[i]), error = w - static_cast<double>(shared);
    signal += w * w;
    noise += error * error;
    values.insert(shared);
    weight.values[i] = shared;
  }
  layer.values = values.size();
  layer.sqnr_db =
      noise > 0 ? 10 * std::log10(signal / noise) : std::numeric_limits<double>::infinity();
  return layer;
}

}  // namespace

std::vector<SharedLayer> ShareWeights(std::vector<LayerWeights>& weights, const PerLayer& bits,
                                      bool compare) {
  bits.CheckNames(weights);
  std::vector<SharedLayer> layers;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double* wanted = bits.Find(weights[i]);
    if (wanted == nullptr || weights[i].values.empty()) continue;
    layers.push_back(Share(weights[i], static_cast<int>(*wanted), compare));
    layers.back().weight = i;
  }
  return layers;
}

}  // namespace lutra::converter::edit
