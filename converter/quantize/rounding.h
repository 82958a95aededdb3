// Rounding that looks at the layer's output instead of at each weight: weights are rounded one
// after another, and the error that each makes is undone, as far as the inputs are correlated, by
// those still to come. What remains in the mean goes into the bias.
//
// Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ", arXiv 2210.17323 (the optimal brain surgeon of
// Hassibi and Stork, row by row), with the constant 1 as a last input whose weight, the bias, is
// never rounded.
#pragma once

#include <vector>

#include "converter/quantize/input_moments.h"
#include "converter/quantize/quantization.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter {

/// Rounds matrix.values anew to the scales and zero points of `weights`, whose values are replaced,
/// and corrects matrix.bias. `moments` belongs to the same layer.
void OptimizeRounding(const InputMoments& moments, WeightMatrix& matrix, QuantizedWeights& weights,
                      bool asymmetric);

}  // namespace lutra::converter
