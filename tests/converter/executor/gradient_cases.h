// Nodes on which the gradients of the executor's operators are compared with finite differences.
#pragma once

#include "tests/converter/executor/support.h"

namespace lutra::converter::executor {

struct GradientCase {
  Node node;
  std::vector<Tensor> inputs;
  std::vector<size_t> by;  ///< inputs whose gradient is compared; the others are constants
};

/// Every operator that has a gradient is among them.
std::vector<GradientCase> GradientCases();

}  // namespace lutra::converter::executor
