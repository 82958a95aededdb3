// InferShapes with a limit on its work: the elements that it may compute with.
#pragma once

#include <cstdint>

#include "converter/graph/graph.h"

namespace lutra::converter::passes {

/// Of a whole network; at a thousand million a second, some five seconds.
constexpr uint64_t kMostShapeElements = uint64_t{1} << 32;

/// As InferShapes in passes.h. Throws Error, too, when the values that are computed on the way hold
/// more elements in all.
void InferShapes(Graph& graph, uint64_t most_elements);

}  // namespace lutra::converter::passes
