// Integer products that compute on behind their sums: a function of one number (FittedCurve), and a
// factor for each channel, without a rounding to 8 bits in between. So the value between a
// convolution and its activation function exists in no integers at all.
#pragma once

#include <vector>

#include "converter/graph/graph.h"
#include "converter/quantize/quantization.h"

namespace lutra::converter::quantize {

/// What stands behind a product, each the only reader of the value before it.
struct Tail {
  const Node* function = nullptr;  ///< of one element
  const Node* factors = nullptr;   ///< a Mul by a positive constant for each channel

  const Node& last() const { return factors != nullptr ? *factors : *function; }
};

/// The tail that the node could have: of the graph's form alone. Neither: there is none.
Tail TailBehind(const Graph& graph, const Node& product);

/// The factors of a tail's Mul, one for each of the product's `channels`.
std::vector<float> FactorsOf(const Graph& graph, const Node& mul, size_t channels);

/// The product takes the tail over.
void SetTail(const Node& product, const Tail& tail, Quantization& quantization);

/// Of the integer products with weights those whose tail is in integers too and gives the numbers
/// that it should: they take it over, and the values between lose their parameters.
void ChooseTails(const Graph& graph, Quantization& quantization);

/// Whether the tail, with a result of these parameters, comes out as exactly as a table would have
/// it.
bool SuitsTail(const Graph& graph, const Node& product, const Tail& tail, const QuantParams& out);

}  // namespace lutra::converter::quantize
