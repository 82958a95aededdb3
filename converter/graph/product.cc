#include "converter/graph/product.h"

#include "converter/graph/operator_table.h"

namespace lutra::converter {

std::optional<Product> ProductOf(const Node& node) {
  const OperatorRow* row = FindRow(node.domain, node.op);
  if (row == nullptr || row->form != IntegerForm::weights) return std::nullopt;
  Product product{.convolves = row->Is(kSpatial), .takes_bias = InputSlots(*row).size() > 2};
  if (product.convolves) {
    product.outputs_first = true;
    product.groups = static_cast<size_t>(node.Int("group", 1));
  } else if (product.takes_bias) {  // Gemm
    product.outputs_first = node.Int("transB", 0) != 0;
    product.alpha = node.Float("alpha", 1.0F);
    product.beta = node.Float("beta", 1.0F);
  }
  return product;
}

}  // namespace lutra::converter
