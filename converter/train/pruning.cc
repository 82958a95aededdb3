#include "converter/train/pruning.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace lutra::converter::train {
namespace {

struct Candidate {
  float magnitude;
  uint32_t weight, element;
};

void Cut(std::vector<Candidate>& candidates, double sparsity, std::vector<Mask>& kept) {
  const auto count =
      static_cast<size_t>(std::llround(sparsity * static_cast<double>(candidates.size())));
  const auto smaller = [](const Candidate& a, const Candidate& b) {
    if (a.magnitude != b.magnitude) return a.magnitude < b.magnitude;
    return a.weight != b.weight ? a.weight < b.weight : a.element < b.element;
  };
  if (count < candidates.size()) {
    std::nth_element(candidates.begin(), candidates.begin() + static_cast<ptrdiff_t>(count),
                     candidates.end(), smaller);
  }
  for (size_t i = 0; i < std::min(count, candidates.size()); ++i) {
    kept[candidates[i].weight][candidates[i].element] = 0;
  }
}

}  // namespace

double SparsityAt(const PruneSettings& settings, size_t step, size_t steps) {
  const double end = std::max(1.0, settings.end * static_cast<double>(steps));
  const double left = std::max(0.0, 1 - static_cast<double>(step) / end);
  return settings.sparsity * (1 - left * left * left);
}

void SetMasks(const std::vector<TrainedWeight*>& weights, double sparsity, bool global) {
  std::vector<Mask> kept(weights.size());
  std::vector<Candidate> candidates;
  for (size_t w = 0; w < weights.size(); ++w) {
    const std::vector<float> real = weights[w]->Real();
    kept[w].assign(real.size(), 1);
    double sum = 0;
    for (const float x : real) sum += std::fabs(static_cast<double>(x));
    const auto unit =
        static_cast<float>(global && sum > 0 ? sum / static_cast<double>(real.size()) : 1.0);
    for (size_t i = 0; i < real.size(); ++i) {
      candidates.push_back(
          {std::fabs(real[i]) / unit, static_cast<uint32_t>(w), static_cast<uint32_t>(i)});
    }
    if (global && w + 1 < weights.size()) continue;
    Cut(candidates, sparsity, kept);
    candidates.clear();
  }
  for (size_t w = 0; w < weights.size(); ++w) weights[w]->SetKept(std::move(kept[w]));
}

}  // namespace lutra::converter::train
