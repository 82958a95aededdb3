// How an int32 sum of a layer is shared out between its bias and its products.
#pragma once

namespace lutra::converter::quantize {

/// No bias is larger than this, in steps of the sum.
constexpr double kLargestBias = 1 << 29;
/// |q - zero_point| of an int8 activation is at most this.
constexpr double kActivationSteps = 255;

}  // namespace lutra::converter::quantize
