// The quantized network as standard ONNX, so that any runtime can run exactly our quantization:
// QuantizeLinear / DequantizeLinear pairs around every integer node, uint8 activations
// (our int8 zero point + 128), symmetric int8 weights per channel, int32 bias. The file is of opset
// 18, whose forms are those of the graph.
#pragma once

#include <string>

#include "converter/quantize/quantization.h"

namespace lutra::converter::qdq {

/// `fused` is the network after FuseGraph, in ONNX's own layout; `quantization` was made for the
/// same after LayOutGraph. Returns a serialized ModelProto. Throws Error listing the nodes with
/// asymmetric weights or dynamic activations.
std::string ExportQdq(const Graph& fused, const quantize::Quantization& quantization);

/// The network as it is, nothing of it quantized.
std::string ExportFloat(const Graph& fused);

}  // namespace lutra::converter::qdq
