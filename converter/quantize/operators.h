// What the integer runtime can do with a node: its operator's form (graph/operator_table.h), where
// inputs and attributes allow it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "converter/graph/operator_table.h"
#include "converter/graph/product.h"
#include "converter/quantize/quantization.h"

namespace lutra::converter::quantize {

struct OperatorForm {
  IntegerForm form = IntegerForm::none;
  std::string reason;  ///< why there is no integer form
};

OperatorForm IntegerFormOf(const Graph& graph, const Node& node);

/// Inputs of the node that are activations (neither constants nor shapes), without repetition.
std::vector<std::string> ActivationInputs(const Graph& graph, const Node& node);

/// Output parameters of a Softmax whose largest probability in calibration was `largest`: from 0 to
/// the smallest power of two that holds it, so 1/256 from -128 where one above 1/2 was seen (or
/// nothing was), and finer steps where rows are long and flat. Unlike a range that fits exactly, it
/// leaves other data room. (Sigmoid and Tanh reach their ends only as far as their inputs do: their
/// range is better measured, and small scores keep their digits.)
QuantParams ProbabilityParams(double largest);

/// A product whose weights are constant and whose other input is not.
bool HasWeights(const Graph& graph, const Node& node);

/// A convolution whose groups have one input channel each.
bool IsDepthwise(const Graph& graph, const Node& node);

/// Whether the layer of this label has integer weights and quantizes each row of its input when it
/// runs.
bool IsDynamic(const Quantization& quantization, const std::string& label, const Product& product);

/// Whether the layer reads its input as int16, once that has a scale. Depthwise convolutions of the
/// same scheme are float: their sums are short, so integers are hardly faster, and their channels,
/// which meet in no sum, differ too much in size for one scale, even of 16 bits.
bool IsWide(const Graph& graph, const Node& node, const LayerScheme& scheme);

/// A Softmax or LogSoftmax whose result reaches the graph's outputs through moves alone. It stays
/// float, so that no class loses its rank to rounding, and counts as no fallback.
bool IsFinalSoftmax(const Graph& graph, const Node& node);

}  // namespace lutra::converter::quantize
