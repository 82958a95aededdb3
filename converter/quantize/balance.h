// Channels of very different size that share one scale: a factor for each channel makes them alike,
// and the weights that read them take it back, so the network computes what it did. In front of a
// depthwise convolution, whose weights have a scale per channel anyway, that costs nothing; and
// where the value is made by a convolution, nothing at run time either (tails.h).
//
// Meller, Finkelstein, Almog, Grobman, "Same, same but different", ICML 2019, and Nagel, van
// Baalen, Blankevoort, Welling, "Data-free quantization through weight equalization and bias
// correction", ICCV 2019, from ranges of activations instead of weights, and for any activation
// function.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/graph/graph.h"
#include "converter/quantize/calibrate.h"
#include "converter/quantize/quantization.h"

namespace lutra::converter::quantize {

/// Value -> what each of its channels is to be multiplied with, at least 1.
using ChannelFactors = std::map<std::string, std::vector<float>>;

/// Of the values that one convolution makes, through a function of one element or not, and only
/// depthwise convolutions read, all in integers by their schemes: from the ranges of the channels
/// over the data. The graph has one input.
ChannelFactors ChooseFactors(const Graph& graph, const std::map<std::string, LayerScheme>& schemes,
                             const data::Dataset& data, const Progress& progress);

/// Multiplies these values, in the weights that make them where the function between passes factors
/// on and else by a Mul, and divides the weights that read them. Exact in real arithmetic. Either
/// layout. Returns the values that Muls make, by the value that they multiply.
std::map<std::string, std::string> ApplyFactors(const ChannelFactors& factors, Graph& graph);

}  // namespace lutra::converter::quantize
