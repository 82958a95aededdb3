// A network as a chain of blocks: cut wherever one value alone goes on. In a plain network every
// layer is a block of its own, with what follows it up to the next layer; a residual block, whose
// shortcut goes past its layers, stays whole, and so does whatever has two branches. These are the
// units in which Li et al., "BRECQ" (arXiv 2102.05426), reconstruct a network.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter::train {

struct Block {
  /// One input: what the block before gives. Outputs: what the next reads, or, of the last block,
  /// the network's. Nodes keep their labels.
  Graph graph;
  std::vector<std::string> layers;  ///< labels of nodes in it
};

/// `layers`: labels of the nodes of which each block shall have one at least, but for a network
/// without any, which is one block. Only float32 values of a batch of one are cut at. The graph has
/// one input.
std::vector<Block> CutIntoBlocks(const Graph& graph, const std::set<std::string>& layers);

}  // namespace lutra::converter::train
