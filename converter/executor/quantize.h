// ONNX's quantization formulas, in one place for all operators that use them:
//   q = saturate(round_half_even(x / scale) + zero_point),  x = (q - zero_point) * scale.
#pragma once

#include "converter/executor/operator.h"

namespace lutra::converter::executor {

/// A scale and a zero point, each a scalar or one per index along `axis` of the tensor.
struct Quantization {
  const Tensor& scale;
  const Tensor* zero_point = nullptr;  ///< null: 0
  size_t axis = 0;

  int32_t ZeroPointAt(int64_t channel) const;
  std::vector<int32_t> ZeroPoints() const;  ///< as many as there are scales
  /// The type of quantized values: that of the zero point, else uint8.
  DataType Type() const;
};

/// Throws Error when scale and zero point do not fit the tensor.
void CheckQuantization(const Tensor& tensor, const Quantization& quantization);

Tensor Quantize(const Tensor& x, const Quantization& quantization);    ///< from float32
Tensor Dequantize(const Tensor& q, const Quantization& quantization);  ///< to float32

/// Saturates to the range of `type`, an 8- or 16-bit integer.
int32_t Saturate(double value, DataType type);

/// q - zero_point as int32; `channels_axis` is where a zero point per channel applies.
Tensor Centered(const Tensor& q, const Tensor* zero_point, size_t channels_axis);

}  // namespace lutra::converter::executor
