// onnx.TensorProto -> Tensor: raw, typed or external data of every numeric type.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>

#include "converter/graph/tensor.h"
#include "converter/import/external_data.h"

namespace lutra::converter::importing {

/// The element type by its ONNX number; throws Error for the ones Lutra does not read (string,
/// complex, 8-bit floating, 4-bit). Constants of 4-bit integers are read, as 8-bit ones.
DataType ReadDataType(int32_t onnx_type);

/// Reads the tensors of one file.
class TensorReader {
 public:
  /// `model_path`: the ONNX file, beside which external data lies.
  explicit TensorReader(const std::string& model_path, uint64_t most_bytes = kMostConstantBytes)
      : external_(model_path), most_bytes_(most_bytes) {}

  /// Throws Error, without naming the tensor, when the data does not fill the dimensions, and
  /// before it takes memory for more bytes in all than the most.
  Tensor Read(const onnx::TensorProto& proto);

 private:
  ExternalData external_;
  uint64_t most_bytes_;
  uint64_t bytes_ = 0;  ///< of the tensors read so far
};

}  // namespace lutra::converter::importing
