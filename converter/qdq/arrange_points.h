// Where the quantization points of a graph stand, without any change of what it computes.
#pragma once

#include "converter/graph/graph.h"
#include "converter/quantize/point.h"

namespace lutra::converter::qdq {

/// Operators that only move elements, or select the largest, leave a grid as it is.
bool KeepsGrid(const Graph& graph, const Node& node);
/// Whether the constant that a Pad writes lies on the grid (of other operators always).
bool PadsOnGrid(const Graph& graph, const Node& node, const quantize::Point& point);

/// - A point whose input lies on its grid already vanishes; equal points of one value become one.
/// - A point behind an operator that KeepsGrid moves before it where nobody reads the value in
///   between: the operator before that can then round by itself, and flattenings stand next to
///   their Gemm. A Concat hands its point to all that it joins.
void ArrangePoints(Graph& graph);

}  // namespace lutra::converter::qdq
