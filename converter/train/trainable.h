// A network made ready for training: its parameters are no constants any more but inputs of the
// graph, so no pass folds them or writes them in another form, they keep the names that the file
// gives them, and their values may change between runs. Batch normalizations stay, and the layout
// is channels last, in which oneDNN's convolutions are as fast forward and backward as in its own
// blocked formats, and everything else faster.
#pragma once

#include <string>
#include <vector>

#include "converter/executor/float_executor.h"
#include "converter/graph/graph.h"

namespace lutra::converter::train {

enum class ParameterKind : uint8_t {
  weight,         ///< of a product: decays
  bias,           ///< and what else shifts: does not decay
  normalization,  ///< scales and biases of normalizations, slopes of PRelu: do not decay
  statistic,      ///< running mean and variance: follow the data, have no gradient
};

struct Parameter {
  std::string name;  ///< of the initializer
  ParameterKind kind = ParameterKind::weight;
};

struct Trainable {
  Graph graph;  ///< `parameters` are inputs, behind those of the data
  std::vector<std::string> inputs;
  std::vector<Parameter> parameters;  ///< in the order of the nodes
  executor::TensorMap values;         ///< of the parameters, float32
};

/// `imported` is a float network as it was read (its constants not yet folded). Trainable are the
/// floating constants that Conv, ConvTranspose, Gemm and MatMul multiply with or add, the
/// parameters of normalizations, and PRelu's slopes; also behind Transpose, Reshape and casts.
/// Throws Error when it has none.
Trainable MakeTrainable(Graph imported);

}  // namespace lutra::converter::train
