// Arithmetic of shapes: sizes, row-major strides, axes, and broadcasting (the ONNX rules).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter {

using Shape = std::vector<int64_t>;

/// No axis of a network's tensors is longer, as in a .lutra file; keeps products of two such
/// numbers inside int64.
constexpr int64_t kLargestAxis = int64_t{1} << 26;

/// Throws Error for a result that is too large to be computed: an axis beyond kLargestAxis, or more
/// than 2^28 elements, those of an empty one's other axes included. Operators whose result is
/// larger than their inputs ask before they list indices or take memory.
void CheckResult(std::span<const int64_t> dims);

int64_t Count(std::span<const int64_t> dims);

/// Row-major strides, in elements.
Shape Strides(std::span<const int64_t> dims);

/// An axis counted from the end made positive. Throws Error when it is outside [-rank, rank).
size_t Axis(int64_t axis, size_t rank);
std::vector<size_t> Axes(std::span<const int64_t> axes, size_t rank);
/// The same where nobody around names the node: the error does.
size_t AxisOf(const Node& node, int64_t axis, size_t rank);

/// The shape that both broadcast to (numpy's rules). Throws Error when there is none.
Shape BroadcastShape(std::span<const int64_t> a, std::span<const int64_t> b);

/// Strides with which a tensor of `dims` is read as one of shape `as`: 0 along broadcast axes.
Shape BroadcastStrides(std::span<const int64_t> dims, std::span<const int64_t> as);

}  // namespace lutra::converter
