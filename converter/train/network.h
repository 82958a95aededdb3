// The network as training holds it: a graph that ends in scores, parameters with their constraints,
// running statistics.
#pragma once

#include <string>
#include <vector>

#include "converter/train/loss.h"
#include "converter/train/tape.h"
#include "converter/train/trainable.h"
#include "converter/train/trained_weight.h"

namespace lutra::converter::train {

struct Network {
  Graph graph;  ///< one output: `scores`; inputs: the data's, then parameters
  std::string input, scores;
  std::vector<int64_t> input_dims;  ///< [1, ...]
  ScoreKind kind = ScoreKind::logits;
  size_t classes = 0;  ///< 0: none, but values that targets are of
  std::vector<TrainedWeight> weights;
  TensorMap statistics;

  /// What the graph gets besides the data: weights as they are now, and statistics.
  TensorMap Shared();
};

/// The scores are the named output, or the only one; where it is the result of a Softmax or
/// LogSoftmax along the last axis, the graph ends before that: losses take logits. Every parameter
/// gets an unconstrained TrainedWeight. Throws Error when there is more than one input, or no
/// output [1, classes] (further dimensions of 1 count for nothing).
Network MakeNetwork(Trainable trainable, const std::string& scores = "");

/// The same of a network that is trained against targets of these dimensions, which ends in the
/// output that they are of (ChooseOutput), whatever it means.
Network MakeNetworkOf(Trainable trainable, const std::string& output,
                      const std::vector<int64_t>& target);

/// New weights: products from a normal distribution of variance 2 / (inputs of a sum) (He et al.,
/// "Delving deep into rectifiers", arXiv 1502.01852), biases 0, normalizations the identity,
/// slopes of PRelu 0.25. Does not depend on what was there, but for the shapes.
void MakeFresh(const Graph& graph, const std::vector<Parameter>& parameters, uint64_t seed,
               TensorMap& values);

}  // namespace lutra::converter::train
