// The quantized network as standard ONNX, so that any runtime can run exactly our quantization:
// QuantizeLinear / DequantizeLinear pairs (opset 13) around every integer node, uint8 activations
// (our int8 zero point + 128), symmetric int8 weights per channel, int32 bias.
#pragma once

#include <string>

#include "converter/quantize/quantization.h"

namespace lutra::converter {

/// `fused` is the network after FuseGraph, in ONNX's own layout; `optimized` is the same after
/// ToNhwc, for which `quantization` was made. Returns a serialized ModelProto. Throws Error listing
/// the nodes with asymmetric weights, and nodes that opset 13 cannot express.
std::string ExportQdq(const Graph& fused, const Graph& optimized, const Quantization& quantization);

}  // namespace lutra::converter
