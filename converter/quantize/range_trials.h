// Ranges chosen by what they do: some samples run through the float network, each value is rounded
// to every candidate, and the nodes that read it show whose error is smallest in their results.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/graph/graph.h"
#include "converter/quantize/calibrate.h"
#include "converter/quantize/range.h"

namespace lutra::converter::quantize {

/// For each value its candidates, at least one, the one to prefer first: the index of the best
/// where that is another, by a tenth at least. Values that a node outside `integer_nodes` or a
/// Softmax reads, and outputs of the graph, keep the first. The graph has one input.
std::map<std::string, size_t> TryRanges(const Graph& graph,
                                        const std::map<std::string, std::vector<Range>>& candidates,
                                        const std::set<std::string>& integer_nodes,
                                        const data::Dataset& data, const Progress& progress);

}  // namespace lutra::converter::quantize
