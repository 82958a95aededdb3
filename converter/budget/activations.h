// From the SQNR that a network's outputs shall keep to the values that need more than 8 bits.
//
// What a value's rounding adds to the outputs' noise is measured: the noise with it in int8 less
// the noise without (all else in int8, in the runtime, on samples that have calibrated nothing).
// These shares add up, as small independent errors do; so values are taken in the order of share by
// cost, and by bisection as many of them as it takes. A value without a rounding to 8 bits is one
// whose maker and readers compute with int16 activations. Where all of them are not enough,
// weights are what limits, and layers become float altogether in the same way.
//
// Measured sensitivities, and the cheapest first, as in HAWQ (arXiv 1905.03696) and AutoQ's and
// NVIDIA's sensitivity analyses; these rank layers, whose activations are rounded twice.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "converter/budget/budget.h"
#include "converter/budget/search.h"
#include "converter/data/dataset.h"
#include "converter/quantize/quantize.h"
#include "converter/warnings.h"

namespace lutra::converter::budget {

struct Raised {
  Schemes schemes;
  ActivationReport report;
};

/// `schemes` has all nodes of the laid out graph, of one input. Layers that are not int8 stay as
/// they are. Throws Error where float layers do not reach the goal either, or for too few samples.
Raised RaiseActivations(const Graph& graph, const Schemes& schemes, const SqnrGoal& goal,
                        const data::Dataset& data, const Build& build,
                        const quantize::Progress& progress, Warnings& warnings);

}  // namespace lutra::converter::budget
