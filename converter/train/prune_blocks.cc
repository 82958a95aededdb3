#include "converter/train/prune_blocks.h"

#include "converter/graph/product.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/weight_matrix.h"
#include "kernels/sparse.h"

namespace lutra::converter::train {
namespace {

PruneBlocks BlocksOf(const Graph& fused, const Node& node, const std::vector<size_t>* columns) {
  const std::vector<size_t> order = quantize::WeightMatrixOrder(fused, node);
  const Product product = *ProductOf(node);
  const std::vector<int64_t>& dims = fused.Constant(node.inputs[1])->dims();
  const auto n = static_cast<size_t>(dims[product.OutputAxis(dims.size())]);
  const size_t k = order.size() / n;
  const size_t of_group = n / product.groups;
  PruneBlocks blocks;
  blocks.bands = product.groups * kernels::BandCount(of_group);
  blocks.of_band = kernels::BlocksOfBand(k);
  blocks.block.resize(order.size());
  for (size_t row = 0; row < n; ++row) {
    const size_t band =
        row / of_group * kernels::BandCount(of_group) + row % of_group / kernels::kBandChannels;
    for (size_t column = 0; column < k; ++column) {
      const size_t from = columns == nullptr ? column : (*columns)[column];
      blocks.block[order[row * k + from]] =
          static_cast<uint32_t>(band * blocks.of_band + column / kernels::kBlockK);
    }
  }
  return blocks;
}

bool IsDepthwise(const Graph& fused, const Node& node) {
  return ProductOf(node)->groups > 1 && fused.Constant(node.inputs[1])->dims()[1] == 1;
}

}  // namespace

std::map<std::string, PruneBlocks> FindPruneBlocks(const Graph& fused,
                                                   const quantize::LayoutMap& map) {
  std::map<std::string, PruneBlocks> found;
  for (const Node& node : fused.nodes) {
    if (!quantize::HasWeights(fused, node) || !quantize::WhyNoWeightMatrix(fused, node).empty() ||
        IsDepthwise(fused, node)) {
      continue;
    }
    const auto label = map.label.find(node.Label());
    const auto columns =
        label == map.label.end() ? map.columns.end() : map.columns.find(label->second);
    found.emplace(node.inputs[1],
                  BlocksOf(fused, node, columns == map.columns.end() ? nullptr : &columns->second));
  }
  return found;
}

}  // namespace lutra::converter::train
