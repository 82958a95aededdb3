// What Resize reads: for every position of the result along one axis, the positions of the input
// and their weights (nearest: one; linear: two; cubic: four; antialiased: more). The executor
// computes with them, and lowering writes them into the file's tables.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter {

/// The input positions of one position of the result; none: the extrapolation value.
struct ResizeTaps {
  std::vector<int64_t> index;
  std::vector<float> weight;
};

struct ResizeAxis {
  int64_t input = 1;
  bool changes = true;  ///< false: every position reads itself
  std::vector<ResizeTaps> taps;
};

/// One for each dimension of the input as it lies; `dims` are the input's, and the node's layout
/// says in which order. Inputs that are left out are null. Throws Error when they do not fit.
std::vector<ResizeAxis> ResizeAxes(const Node& node, const std::vector<int64_t>& dims,
                                   const Tensor* roi, const Tensor* scales, const Tensor* sizes);

/// Why the node's attributes are not understood, or "".
std::string WhyNotResize(const Node& node);

}  // namespace lutra::converter
