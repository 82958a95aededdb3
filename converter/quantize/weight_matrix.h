// The constant operand of Conv, Gemm and MatMul in the one order that quantization, the file and
// the kernels share: [output channel][k], k = kernel_h, kernel_w, input channel of the group
// (Conv), or the reduction dimension (Gemm, MatMul).
#pragma once

#include <string>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter::quantize {

struct WeightMatrix {
  size_t n = 0, k = 0;
  std::vector<float> values;  ///< [n][k]; Gemm's alpha is multiplied in
  std::vector<float> bias;    ///< [n], zeros when the node has none; Gemm's beta multiplied in
  bool has_bias = false;
};

/// Why the node's operand has no such form, or "": the operand is computed, Gemm transposes its
/// first input, the bias is not one value per output channel.
std::string WhyNoWeightMatrix(const Graph& graph, const Node& node);

/// Requires WhyNoWeightMatrix == "".
WeightMatrix ReadWeightMatrix(const Graph& graph, const Node& node);

/// Where element (n, k) of the matrix lies in the graph's initializer: used to write values back.
std::vector<size_t> WeightMatrixOrder(const Graph& graph, const Node& node);

}  // namespace lutra::converter::quantize
