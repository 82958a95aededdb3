// What becomes of a graph's nodes and values in the layout of the model file.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter::quantize {

struct LayoutMap {
  /// Node label -> its label in the graph as LayOutGraph leaves it. Nodes that vanish, and
  /// Reshapes, are left out.
  std::map<std::string, std::string> label;
  /// The results of those nodes, and the graph's inputs -> the values that hold them there.
  std::map<std::string, std::string> value;
  /// Node label -> what it reads there, input by input.
  std::map<std::string, std::vector<std::string>> inputs;
  /// Of each Gemm there, by its label there: which column k of the graph its weight matrix has in
  /// each column. Those that keep their order are left out.
  std::map<std::string, std::vector<size_t>> columns;
};

/// `fused` is a graph after FuseGraph.
LayoutMap MapLayout(const Graph& fused);

}  // namespace lutra::converter::quantize
