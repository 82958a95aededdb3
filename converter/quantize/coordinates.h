// Boxes that a detector decodes inside its graph: arithmetic behind the last product with constants
// that differ from place to place (anchors, cells of a grid). In 8 bits a coordinate is one of 256
// places of the image, where the scores beside it lose nothing.
#pragma once

#include <map>
#include <set>
#include <string>

#include "converter/graph/graph.h"
#include "converter/quantize/quantization.h"

namespace lutra::converter::quantize {

/// Labels of the nodes behind the last products that are connected by values to arithmetic with
/// such a constant.
std::set<std::string> FindCoordinates(const Graph& graph);

}  // namespace lutra::converter::quantize
