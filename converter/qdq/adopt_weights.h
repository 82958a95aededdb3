// Weights and biases of an imported quantized network, as integers of the model file.
#pragma once

#include <string>

#include "converter/qdq/constants.h"

namespace lutra::converter::qdq {

struct AdoptedWeights {
  quantize::QuantizedWeights weights;
  std::vector<int32_t> bias;
  std::string why_not;  ///< why the layer cannot be computed in integers; empty: it can
};

/// Of a node with a weight matrix, for input and output on these grids. Integers are kept as they
/// are, but in channels whose bias or sums would leave int32, or whose multiplier would be no
/// normal float: such a channel gets a larger scale, as long as that moves its output by no more
/// than a quarter of a step.
AdoptedWeights AdoptWeights(const Graph& graph, const Node& node, const ConstantRecords& records,
                            const quantize::QuantParams& in, const quantize::QuantParams& out);

}  // namespace lutra::converter::qdq
