// Linear weight quantization: real = scale * (q - zero_point), one scale (and zero point) per
// output channel or per tensor; or real = scale * group_scale * q, a whole number of 1 to 255 for
// each group of a channel's k.
#pragma once

#include "converter/quantize/quantization.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::quantize {

/// Integers of `scheme.bits` bits. Symmetric: -(2^(bits-1) - 1) .. 2^(bits-1) - 1, the largest
/// magnitude of the channel (tensor) on the last step. Asymmetric: the channel's range, widened to
/// hold 0, over the same steps (and -2^(bits-1) too below 8 bits).
///
/// input_scale > 0 says that the product is computed in integers: then scales are raised where
/// round(bias / (input_scale * scale)) would pass 2^29 or the accumulator could leave int32. An
/// all-zero channel gets the scale that represents its bias well, or 1. Pass 0 for float products.
QuantizedWeights QuantizeWeights(const WeightMatrix& matrix, const LayerScheme& scheme,
                                 double input_scale);

/// Back to real numbers, [n][k].
std::vector<float> Dequantize(const QuantizedWeights& weights);

/// round(bias / (input_scale * scale[n])), clamped to int32.
std::vector<int32_t> QuantizeBias(const std::vector<float>& bias, double input_scale,
                                  const std::vector<float>& scale);

}  // namespace lutra::converter::quantize
