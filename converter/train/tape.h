// One training step's arithmetic: a graph executed forward with what its gradient needs kept, and
// backward. A minibatch comes in parts, in their number independent of the machine; each node runs
// on all parts, one thread for each, before the next, and what the parts add to a parameter's
// gradient is summed in their order. So the numbers do not depend on the number of threads.
//
// Parameters are inputs of the graph (parameters.h): nothing is kept of their values between runs.
// Batch normalization in training looks at the whole minibatch (batch_norm.h), and linear layers
// read their weights once for all of it (batch_product.h); everything else is the executor's rows
// and their gradients.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "converter/executor/float_executor.h"
#include "converter/graph/graph.h"
#include "converter/train/workers.h"

namespace lutra::converter::train {

using executor::TensorMap;

class Tape {
 public:
  struct Options {
    /// Inputs of the graph whose gradient is wanted.
    std::set<std::string> parameters;
    /// Batch normalizations use and update their running statistics as in inference: not at all.
    bool frozen_batch_norm = false;
  };

  /// Keeps references to graph and workers. Throws Error listing every node between a parameter and
  /// an output of the graph that has no gradient.
  Tape(const Graph& graph, Options options, Workers& workers);
  ~Tape();

  /// Each part holds the graph's inputs but those that `shared` holds: parameters, and running
  /// statistics, which are updated. Returns the outputs of each part, in order. Throws Error naming
  /// the node.
  std::vector<TensorMap> Forward(std::vector<TensorMap> parts, TensorMap& shared);

  /// After Forward, once, with the same `shared`: gradients of the loss by outputs (those left out
  /// count as 0), for each part -> by parameters, which are all there. Throws Error naming the
  /// node.
  TensorMap Backward(std::vector<TensorMap> gradients, const TensorMap& shared);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lutra::converter::train
