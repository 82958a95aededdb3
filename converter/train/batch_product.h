// Products with a parameter over the whole minibatch: Gemm as linear layers have it. Such weights
// are often much larger than what goes in and out (AlexNet's are 67 MB against 0.5 MB for a part),
// and a product with few rows takes as long as memory takes to read or write them. So the parts'
// rows are put beside each other and the weights are cut instead, into a fixed number of slices,
// each for one thread: every weight is read or written once for each direction, and the numbers do
// not depend on the number of threads.
//
//   y = clamp(x w + bias),   dx = dy w',   dw = x' dy,   dbias = sum of dy's rows
#pragma once

#include <functional>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/train/workers.h"

namespace lutra::converter::train {

/// A Gemm of two matrices without factors whose bias, if any, is a row. By the dims of its inputs 1
/// and 2 (empty: no bias).
bool IsBatchProduct(const Node& node, const std::vector<int64_t>& weights,
                    const std::vector<int64_t>& bias);

class BatchProduct {
 public:
  /// Throw Error.
  /// x, y, dy, dx: one tensor for each part. `bias` may be null.
  std::vector<Tensor> Forward(const Node& node, const std::vector<const Tensor*>& x,
                              const Tensor& weights, const Tensor* bias, Workers& workers);

  struct Gradients {
    std::vector<Tensor> x;
    Tensor weights, bias;
  };
  /// After Forward, once: forgets x. `y` is read where the node has a clamp. Undefined what is not
  /// `wanted` of the node's inputs.
  Gradients Backward(const Node& node, const std::vector<const Tensor*>& y,
                     const std::vector<const Tensor*>& dy, const Tensor& weights,
                     const std::vector<int64_t>& bias_dims, const std::vector<bool>& wanted,
                     Workers& workers);

 private:
  Tensor x_;  // of all parts
};

}  // namespace lutra::converter::train
