// Quantization of activations as nodes of the graph, which the executor rounds with.
#pragma once

#include <map>
#include <string>

#include "converter/graph/graph.h"
#include "converter/quantize/quantization.h"

namespace lutra::converter::train {

/// A point (quantize/point.h) behind every value that becomes int8 where it is made, inputs too.
/// What only moves elements takes over what it gets. Outputs of the graph change their names.
/// `scales` names the input of the graph that holds a value's scale, where that is learned
/// (step_sizes.h).
void InsertPoints(const quantize::Quantization& quantization, Graph& graph,
                  const std::map<std::string, std::string>& scales = {});

}  // namespace lutra::converter::train
