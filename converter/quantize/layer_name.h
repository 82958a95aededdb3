// How reports and recipes call a layer: by the ONNX value that it computes.
#pragma once

#include <string>

#include "converter/graph/graph.h"

namespace lutra::converter::quantize {

/// Node::Label(), but for a node whose result only goes through a Transpose into an output of the
/// graph: then the output's name, for its own value exists in another layout only.
std::string LayerName(const Graph& graph, const Node& node);

}  // namespace lutra::converter::quantize
