// Number formats for random networks (random_graph.h).
#pragma once

#include <map>
#include <string>

#include "converter/quantize/quantization.h"
#include "support/random_numbers.h"

namespace lutra::test {

/// A number format for every node of an optimized graph: integer, dynamic and float activations,
/// and each kind and width of weights.
std::map<std::string, converter::quantize::LayerScheme> RandomSchemes(const converter::Graph& graph,
                                                                      RandomNumbers& random);

}  // namespace lutra::test
