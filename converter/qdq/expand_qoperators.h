// QOperator nodes -> DequantizeLinear, the float operator, QuantizeLinear.
#pragma once

#include "converter/graph/graph.h"

namespace lutra::converter::qdq {

bool IsQOperator(const Node& node);

/// The float result takes the name of the quantized one, which gets "_quantized" behind it; so a
/// layer keeps its name. The graph's outputs become float.
void ExpandQOperators(Graph& graph);

}  // namespace lutra::converter::qdq
