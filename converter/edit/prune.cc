#include "converter/edit/prune.h"

#include <algorithm>
#include <cmath>

namespace lutra::converter::edit {
namespace {

std::vector<float> Magnitudes(const LayerWeights& weight) {
  std::vector<float> magnitudes(weight.values.size());
  std::ranges::transform(weight.values, magnitudes.begin(), [](float w) { return std::fabs(w); });
  return magnitudes;
}

double Deviation(const std::vector<float>& values) {
  double sum = 0, square = 0;
  for (const float w : values) sum += static_cast<double>(w);
  const double count = static_cast<double>(values.size()), mean = sum / count;
  for (const float w : values) {
    square += (static_cast<double>(w) - mean) * (static_cast<double>(w) - mean);
  }
  return std::sqrt(square / count);
}

void Apply(double threshold, LayerWeights& weight) {
  weight.masked = true;
  for (size_t i = 0; i < weight.values.size(); ++i) {
    if (std::fabs(static_cast<double>(weight.values[i])) < threshold) weight.kept[i] = false;
    if (!weight.kept[i]) weight.values[i] = 0;
  }
}

}  // namespace

double Percentile(std::vector<float> values, double percent) {
  const double rank = percent / 100 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<ptrdiff_t>(rank);
  std::ranges::nth_element(values, values.begin() + below);
  const double low = static_cast<double>(values[static_cast<size_t>(below)]);
  if (below + 1 == static_cast<ptrdiff_t>(values.size())) return low;
  const double high =
      static_cast<double>(*std::min_element(values.begin() + below + 1, values.end()));
  return low + (high - low) * (rank - static_cast<double>(below));
}

std::vector<double> Prune(std::vector<LayerWeights>& weights, const PruneOptions& options) {
  options.keep.CheckNames(weights);
  std::vector<float> together;
  for (const LayerWeights& weight : weights) {
    if (!options.sparsity || options.keep.Find(weight) != nullptr) continue;
    const std::vector<float> magnitudes = Magnitudes(weight);
    together.insert(together.end(), magnitudes.begin(), magnitudes.end());
  }
  const double joint = together.empty() ? 0 : Percentile(std::move(together), *options.sparsity);
  std::vector<double> thresholds;
  for (LayerWeights& weight : weights) {
    double threshold = 0;
    if (weight.values.empty()) {
    } else if (const double* keep = options.keep.Find(weight)) {
      threshold = Percentile(Magnitudes(weight), 100 - *keep);
    } else if (options.sensitivity) {
      threshold = *options.sensitivity * Deviation(weight.values);
    } else if (options.sparsity) {
      threshold = joint;
    }
    if (threshold > 0) Apply(threshold, weight);
    thresholds.push_back(threshold);
  }
  return thresholds;
}

}  // namespace lutra::converter::edit
