// Networks that were quantized elsewhere: QuantizeLinear / DequantizeLinear pairs (PyTorch, TF,
// ONNX Runtime's tools) or QOperator nodes (QLinearConv, QGemm ...). They become the float graph
// they stand for plus a Quantization with exactly their scales, zero points and integers.
#pragma once

#include "converter/quantize/quantization.h"

namespace lutra::converter {

/// Whether the graph holds quantized operators that ImportQuantized understands.
bool IsQuantized(const Graph& graph);

/// Takes an imported graph, leaves the optimized float graph, returns its formats. uint8 tensors
/// are shifted by 128. Nodes between which no parameters are given stay float, with the reason.
/// Throws Error naming the node for 16-bit or per-channel activations and the like.
Quantization ImportQuantized(Graph& graph);

}  // namespace lutra::converter
