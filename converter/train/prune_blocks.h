// The blocks of weights that the runtime's products skip where they hold nothing but zeros
// (kernels/sparse.h): 16 output channels by 4 elements of k in the order of the model file. Pruning
// by such blocks makes a network faster, pruning single weights makes only its file smaller.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "converter/quantize/layout_map.h"

namespace lutra::converter::train {

/// The blocks of one layer's weights. Those of a band, 16 channels of one group, are numbered one
/// after the other, band after band.
struct PruneBlocks {
  std::vector<uint32_t> block;  ///< of each element of the initializer
  size_t bands = 0;
  size_t of_band = 0;  ///< how many blocks
};

/// By initializer: the weights of every Conv, Gemm and MatMul of the fused graph that the runtime
/// computes as a matrix product. Others, depthwise convolutions above all, have no blocks.
std::map<std::string, PruneBlocks> FindPruneBlocks(const Graph& fused,
                                                   const quantize::LayoutMap& map);

}  // namespace lutra::converter::train
