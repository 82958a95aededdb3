// Random float networks for tests that compare one way of running them with another: any operator
// that the runtime has, odd shapes, groups, dilations, uneven pads, several outputs. The same seed
// gives the same network; nothing is stored.
#pragma once

#include "converter/graph/graph.h"
#include "support/random_numbers.h"

namespace lutra::test {

/// One input "x" of batch 1 and rank 2 to 4, up to 14 operators in ONNX's own layout, every value
/// that nothing reads an output. Shapes are inferred; values stay finite for inputs in [-2, 2] but
/// for rare chains of products.
converter::Graph RandomGraph(RandomNumbers& random);

}  // namespace lutra::test
