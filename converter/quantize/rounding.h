// Rounding that looks at the layer's output instead of at each weight: weights are rounded one
// after another, and the error that each makes is undone, as far as the inputs are correlated, by
// those still to come. What remains in the mean goes into the bias.
//
// Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ", arXiv 2210.17323 (the optimal brain surgeon of
// Hassibi and Stork, row by row), in the form of Chee, Cai, Kuleshov, De Sa, "QuIP", arXiv
// 2307.13304, which needs no inverse; with the constant 1 as a last input whose weight, the bias,
// is never rounded, so that moments around the means are what counts. Entries of a codebook lie far
// apart, and an early choice is often a poor one once the later ones are known: there the weights
// of a row then move, one at a time, to better entries until none finds one.
#pragma once

#include <cstdint>
#include <vector>

#include "converter/quantize/input_moments.h"
#include "converter/quantize/quantization.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::quantize {

/// [n][k]: whether a weight may be other than 0; empty: all may.
using KeptWeights = std::vector<uint8_t>;

/// Rounds matrix.values anew to the scales and zero points (or codebooks) of `weights`, whose
/// values are replaced, and corrects matrix.bias. Codebooks below 8 bits descend as well, and with
/// `fit_scales` in turns with the scales of the channels. `moments` belongs to the same layer and
/// has products. Weights that are not kept become 0, an error like that of rounding (as in Frantar,
/// Alistarh, "SparseGPT", arXiv 2301.00774).
void OptimizeRounding(const InputMoments& moments, WeightMatrix& matrix, QuantizedWeights& weights,
                      bool asymmetric, bool fit_scales = false, const KeptWeights& kept = {});

/// Adds to matrix.bias what the errors of the weights' values take away from the mean output: all
/// that moments without products allow.
void CorrectBias(const InputMoments& moments, WeightMatrix& matrix,
                 const QuantizedWeights& weights);

/// [group][k]: what an error of each weight counts for in the output, the mean square of its input
/// (damped, as inputs that the samples lack may still come).
std::vector<float> ImportanceOf(const InputMoments& moments);

}  // namespace lutra::converter::quantize
