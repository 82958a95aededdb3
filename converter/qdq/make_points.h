// QuantizeLinear and DequantizeLinear around activations -> quantization points of the float graph
// that they stand for.
#pragma once

#include "converter/graph/graph.h"

namespace lutra::converter::qdq {

/// The graph has no QOperators and no DequantizeLinear of a constant any more. A quantized value
/// keeps its name for the real value that it stands for; inputs and outputs of the graph that were
/// quantized become float32 under their names. Operators that only move elements stay what they
/// are. Throws Error naming a node that computes with the integers themselves, or whose formats are
/// not executed (16 bits, a scale per channel).
void MakePoints(Graph& graph);

}  // namespace lutra::converter::qdq
