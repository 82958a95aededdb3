// What Conv, Gemm and MatMul are alike in: input 1 holds weights, each output channel a row of
// them, and input 2, where there is one, a bias. Everybody who reads or writes such a layer asks
// here where its channels lie and what Gemm's factors are.
#pragma once

#include <cstddef>
#include <optional>

#include "converter/graph/graph.h"

namespace lutra::converter {

struct Product {
  /// Windows of [N, C, ...] with weights [output, C / groups, ...]; otherwise rows, with weights
  /// [k, output], or [output, k].
  bool convolves = false;
  bool outputs_first = false;  ///< whether the weights' output channels are their first axis
  bool takes_bias = false;
  size_t groups = 1;
  float alpha = 1, beta = 1;  ///< factors of the product and of the bias

  /// The weights' axis of output channels; they have `rank` axes.
  size_t OutputAxis(size_t rank) const { return outputs_first ? 0 : rank - 1; }
};

/// Of a node of form IntegerForm::weights (operator_table.h), whether its weights are constant or
/// not; nullopt for all others. Gemm's transA is not told: no layer has it (WhyNoWeightMatrix).
std::optional<Product> ProductOf(const Node& node);

}  // namespace lutra::converter
