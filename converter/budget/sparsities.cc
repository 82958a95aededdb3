// How many of each layer's weights training shall take away first. The same search as for schemes,
// among schemes that also have a sparsity: what zeros save is seen in the coded bytes, what they
// cost is measured layer by layer, with the smallest weights 0 and the others rounded so that they
// make up for it as far as those of a layer can. Training makes up for more, of rounding too. The
// schemes themselves are chosen anew, of the pruned network.
#include <algorithm>

#include "converter/budget/search.h"
#include "converter/error.h"

namespace lutra::converter::budget {
namespace {

using quantize::LayerScheme;

constexpr double kLadder[] = {0.5, 0.7, 0.8, 0.88, 0.93, 0.96, 0.975, 0.985};
// Pruned weights have few bits: where they are takes most of their code.
constexpr int kFewestPrunedBits = 2, kMostPrunedBits = 3;
// Pruning takes a part of the training from quantization, so it has to gain clearly.
constexpr double kWorthIt = 0.5;

bool IsCodebook(const LayerScheme& scheme) { return scheme.kind == WeightKind::codebook; }

}  // namespace

// Not all, as each takes its time to measure: few bits, and of more every second; zeros in one
// family, as the two are alike once most weights are 0.
void Search::OfferSparsities() {
  for (Candidates& layer : layers_) {
    const std::vector<LayerScheme> allowed = Allowed(given_.at(layer.node->Label()));
    const bool has_codebooks = std::ranges::any_of(allowed, IsCodebook);
    layer.schemes.clear();
    for (LayerScheme scheme : allowed) {
      const bool few = scheme.bits <= kMostPrunedBits;
      if (few || scheme.bits % 2 == 0) layer.schemes.push_back(scheme);
      if (!few || scheme.bits < kFewestPrunedBits || IsCodebook(scheme) != has_codebooks) continue;
      for (const double sparsity : kLadder) {
        scheme.sparsity = sparsity;
        layer.schemes.push_back(scheme);
      }
    }
  }
}

Schemes Search::Sparsities() {
  OfferSparsities();
  Prepare();
  Schemes result = given_;
  try {
    MeasureCosts();
    const uint64_t least_bytes = FindOffset(Smallest());
    const uint64_t limit = *limits_.max_size - limits_.spared;
    const auto dense = Fit(limit, [](const LayerScheme& scheme) { return scheme.sparsity == 0; });
    const auto mix = Fit(limit);
    if (!mix) throw Error(TooSmallText(least_bytes));
    if (dense && mix->cost >= kWorthIt * dense->cost) return result;
    for (const Candidates& layer : layers_) {
      const LayerScheme& chosen = mix->schemes.at(layer.node->Label());
      if (chosen.sparsity == 0) continue;
      result.at(layer.node->Label()).sparsity = chosen.sparsity;
      sparsity_costs_[layer.node->Label()] = CostOf(layer, chosen);
    }
  } catch (const Stopped&) {
    warnings_.Add(limits_.Text() +
                  ": stopped before it was chosen which weights become 0; none do");
  }
  return result;
}

}  // namespace lutra::converter::budget
