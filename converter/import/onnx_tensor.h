// onnx.TensorProto -> Tensor: raw, typed or external data of every numeric type.
#pragma once

#include <onnx/onnx_pb.h>

#include "converter/graph/tensor.h"
#include "converter/import/external_data.h"

namespace lutra::converter::importing {

/// The element type by its ONNX number; throws Error for the ones Lutra does not read (string,
/// complex, 8-bit floating, 4-bit).
DataType ReadDataType(int32_t onnx_type);

/// Throws Error, without naming the tensor, when the data does not fill the dimensions.
Tensor ReadTensor(const onnx::TensorProto& proto, const ExternalData& external);

}  // namespace lutra::converter::importing
