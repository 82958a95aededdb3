// Tensors of any floating type as float64, which holds them all exactly, and halves that are
// rounded in a chosen direction.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "converter/graph/tensor.h"

namespace lutra::converter::archive {

/// Requires a floating type.
std::vector<double> ToValues(const Tensor& tensor);
/// Rounds to nearest even; what would become infinite becomes the type's largest number.
Tensor FromValues(DataType type, std::vector<int64_t> dims, std::span<const double> values);

/// Bits of the least half >= value, for 0 <= value <= 65504.
uint16_t HalfAtLeast(double value);
/// Bits of the largest half <= value, for |value| <= 65504.
uint16_t HalfAtMost(double value);
double HalfValue(uint16_t bits);

/// e so that value * 2^e lies in [2^14, 2^15): small enough for a half, and as far from its
/// subnormals as can be. 0 for 0.
int ExponentFor(double value);

}  // namespace lutra::converter::archive
