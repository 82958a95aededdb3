// Networks that were quantized elsewhere: QuantizeLinear / DequantizeLinear pairs (PyTorch, TF,
// ONNX Runtime's tools) or QOperator nodes (QLinearConv, QGemm ...). They become a float graph with
// quantization points, and where points allow it, operators on integers with exactly their scales,
// zero points and integers.
#pragma once

#include "converter/quantize/quantization.h"

namespace lutra::converter::qdq {

/// Whether the graph holds quantized operators that ImportQuantized understands.
bool IsQuantized(const Graph& graph);

/// Throws Error, naming the node, when the network quantizes its activations while it runs
/// (quantize_dynamic: DynamicQuantizeLinear, MatMulInteger, ConvInteger ...).
void RefuseDynamicallyQuantized(const Graph& graph);

struct ImportedNetwork {
  Graph graph;      ///< optimized; what is lowered
  Graph reference;  ///< the same with every quantization point, for the float executor
  quantize::Quantization quantization;
};

/// Takes a graph as it was imported. uint8 tensors are shifted by 128. Nodes that cannot be
/// computed in integers stay float between the points, with the reason. Throws Error naming the
/// node for 16-bit or per-channel activations and the like.
ImportedNetwork ImportQuantized(Graph graph);

}  // namespace lutra::converter::qdq
