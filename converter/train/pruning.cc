#include "converter/train/pruning.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iterator>
#include <numeric>
#include <span>
#include <utility>

namespace lutra::converter::train {
namespace {

size_t Share(double share, size_t count) {
  return static_cast<size_t>(std::llround(share * static_cast<double>(count)));
}

/// Clears the flags of the `count` smallest.
void Cut(std::span<const float> magnitudes, size_t count, std::span<uint8_t> kept) {
  std::vector<uint32_t> order(magnitudes.size());
  std::iota(order.begin(), order.end(), 0U);
  count = std::min(count, order.size());
  if (count < order.size()) {
    std::ranges::nth_element(
        order, order.begin() + static_cast<ptrdiff_t>(count), [&](uint32_t a, uint32_t b) {
          return magnitudes[a] != magnitudes[b] ? magnitudes[a] < magnitudes[b] : a < b;
        });
  }
  for (size_t i = 0; i < count; ++i) kept[order[i]] = 0;
}

/// Of the weight's elements or blocks.
std::vector<float> Magnitudes(const PrunedWeight& pruned) {
  std::vector<float> real = pruned.weight->Real();
  for (float& x : real) x = std::fabs(x);
  if (pruned.blocks == nullptr) return real;
  const PruneBlocks& blocks = *pruned.blocks;
  std::vector<double> squares(blocks.bands * blocks.of_band);
  std::vector<size_t> counts(squares.size());
  for (size_t i = 0; i < real.size(); ++i) {
    squares[blocks.block[i]] += static_cast<double>(real[i]) * real[i];
    ++counts[blocks.block[i]];
  }
  std::vector<float> magnitudes(squares.size());
  for (size_t b = 0; b < squares.size(); ++b) {
    magnitudes[b] = static_cast<float>(std::sqrt(squares[b] / static_cast<double>(counts[b])));
  }
  return magnitudes;
}

/// How many each of them loses where the least scores of all are cut. The score of an element is
/// its square over the sum of the squares of all in its weight that are no smaller.
std::vector<size_t> Together(const std::vector<std::vector<float>>& magnitudes, double sparsity) {
  struct Candidate {
    float score;
    uint32_t weight;
  };
  std::vector<Candidate> all;
  for (size_t w = 0; w < magnitudes.size(); ++w) {
    std::vector<float> descending = magnitudes[w];
    std::ranges::sort(descending, std::greater());
    double sum = 0;
    for (const float x : descending) {
      const double square = static_cast<double>(x) * static_cast<double>(x);
      sum += square;
      all.push_back({static_cast<float>(sum > 0 ? square / sum : 0), static_cast<uint32_t>(w)});
    }
  }
  const size_t count = Share(sparsity, all.size());
  if (count < all.size()) {
    std::ranges::nth_element(all, all.begin() + static_cast<ptrdiff_t>(count),
                             [](const Candidate& a, const Candidate& b) {
                               return a.score != b.score ? a.score < b.score : a.weight < b.weight;
                             });
  }
  std::vector<size_t> counts(magnitudes.size());
  for (size_t i = 0; i < count; ++i) ++counts[all[i].weight];
  return counts;
}

Mask OfElements(const PruneBlocks& blocks, const Mask& of_blocks) {
  Mask kept(blocks.block.size());
  for (size_t i = 0; i < kept.size(); ++i) kept[i] = of_blocks[blocks.block[i]];
  return kept;
}

}  // namespace

size_t LastCut(const PruneSettings& settings, size_t steps) {
  return std::max<size_t>(1, static_cast<size_t>(settings.end * static_cast<double>(steps)));
}

double PartAt(const PruneSettings& settings, size_t step, size_t steps) {
  const auto end = static_cast<double>(LastCut(settings, steps));
  const double left = std::max(0.0, 1 - static_cast<double>(step) / end);
  return 1 - left * left * left;
}

void SetMasks(const std::vector<PrunedWeight>& weights, double part, bool global) {
  std::vector<std::vector<float>> magnitudes;
  std::ranges::transform(weights, std::back_inserter(magnitudes), Magnitudes);
  std::vector<size_t> counts;
  if (global && !weights.empty()) {
    counts = Together(magnitudes, weights[0].sparsity * part);
  } else {
    for (size_t w = 0; w < weights.size(); ++w) {
      counts.push_back(Share(weights[w].sparsity * part, magnitudes[w].size()));
    }
  }
  for (size_t w = 0; w < weights.size(); ++w) {
    const std::span<const float> all = magnitudes[w];
    Mask kept(all.size(), 1);
    if (const PruneBlocks* blocks = weights[w].blocks) {
      const size_t of_band = (counts[w] + blocks->bands / 2) / blocks->bands;
      for (size_t first = 0; first < all.size(); first += blocks->of_band) {
        Cut(all.subspan(first, blocks->of_band), of_band,
            std::span(kept).subspan(first, blocks->of_band));
      }
      kept = OfElements(*blocks, kept);
    } else {
      Cut(all, counts[w], kept);
    }
    weights[w].weight->SetKept(std::move(kept));
  }
}

}  // namespace lutra::converter::train
