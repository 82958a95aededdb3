// How much each layer's weights matter: the network's outputs are compared with those of the same
// network with one layer's weights in one of their schemes, everything else in float (as in ZeroQ,
// arXiv 2001.00281). Costs of several layers are taken to add up, as they do for small errors: then
// a layer's cost is its weight errors' quadratic form with the loss's Hessian, whose trace HAWQ-V2
// (arXiv 1911.03852) estimates instead, and which needs no assumption about the form's directions
// when it is measured.
//
// What comes before a layer is computed once for all schemes and samples.
#pragma once

#include <functional>
#include <vector>

#include "converter/budget/held_out.h"
#include "converter/budget/weight_store.h"

namespace lutra::converter::budget {

/// A layer of which the scheme may be chosen.
struct Candidates {
  const Node* node = nullptr;
  std::vector<quantize::LayerScheme> schemes;  ///< most bits first
};

/// How many samples such a measurement takes: by the multiplications it needs, within fixed limits.
size_t SensitivitySamples(const Graph& graph, const std::vector<Candidates>& layers,
                          const HeldOut& held_out);

/// By layer and scheme: the mean divergence of the first `samples` samples, 0 or more. Layers are
/// in the order of the graph. `stop` is asked before every scheme: true throws Stopped.
std::vector<std::vector<double>> MeasureSensitivities(const Graph& graph,
                                                      const std::vector<Candidates>& layers,
                                                      const HeldOut& held_out, size_t samples,
                                                      WeightStore& store,
                                                      const quantize::Progress& progress,
                                                      const std::function<bool()>& stop);

}  // namespace lutra::converter::budget
