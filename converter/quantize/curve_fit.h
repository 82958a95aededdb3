// Functions of one number as curves of eight pieces, which integer products run their sums through
// (kernels/curve.h). The error that counts is that of the output's integers: what lies beyond their
// range needs no precision.
#pragma once

#include <array>

#include "converter/graph/graph.h"
#include "converter/quantize/quantization.h"

namespace lutra::converter::quantize {

/// Piece i is a polynomial around start + i * step, of u = (x - start) / step - i; its values are
/// in steps of the output. The last half steps of the first and the last piece go on without end.
struct FittedCurve {
  double start = 0, step = 1;
  std::array<float, 40> coefficients = {};  ///< [power 0 to 4][piece]
  double error = 0;  ///< the largest difference from the function, in steps of the finest output
};

/// Fits the node, a function of one activation (its other inputs are scalar constants), for an
/// output of these parameters. `largest_factor`: outputs of some channel are multiplied by up to
/// this before they are rounded, so what lies near 0 has to be that much finer. The error says
/// whether the function suits: jumps, poles and long tails do not.
FittedCurve FitCurve(const Graph& graph, const Node& node, const QuantParams& out,
                     double largest_factor = 1);

}  // namespace lutra::converter::quantize
