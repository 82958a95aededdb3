// What the layout pass did to the weights of linear layers behind a flattened image.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter {

/// For each Gemm of the graph as LayOutGraph leaves it, by label: which column k of `fused` its
/// weight matrix has in each column. Those that keep their order are left out.
std::map<std::string, std::vector<size_t>> LinearOrder(const Graph& fused);

}  // namespace lutra::converter
