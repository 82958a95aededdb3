// Index arithmetic of dense tensors: strides, axes, broadcasting (the ONNX rules), and the one
// strided copy that Transpose, Slice, Expand, Concat, Split, Tile and their like are made of.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "converter/graph/tensor.h"

namespace lutra::converter::executor {

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

/// The shape that both broadcast to (numpy's rules). Throws Error when there is none.
Shape BroadcastShape(std::span<const int64_t> a, std::span<const int64_t> b);

/// Strides with which a tensor of `dims` is read as one of shape `as`: 0 along broadcast axes.
Shape BroadcastStrides(std::span<const int64_t> dims, std::span<const int64_t> as);

/// Element offsets of every position of `dims` (row-major order) under the given strides.
Shape Offsets(std::span<const int64_t> dims, std::span<const int64_t> strides);

/// Copies elements of `bytes` bytes from one strided box to another.
void CopyStrided(size_t bytes, std::span<const int64_t> dims, const std::byte* from,
                 std::span<const int64_t> from_strides, std::byte* to,
                 std::span<const int64_t> to_strides);

/// Axis i of the result is axis perm[i] of the tensor.
Tensor Transposed(const Tensor& tensor, std::span<const int64_t> perm);
Tensor BroadcastTo(const Tensor& tensor, const Shape& dims);
/// BroadcastTo backwards, in float32: the sums (in double) over all axes along which `dims`
/// broadcast to the tensor's.
Tensor SumTo(Tensor tensor, const Shape& dims);

/// result[i, j, ...] = tensor[maps[0][i], maps[1][j], ...]; where any index is -1, `fill` (one
/// element of the tensor's type; null: zero).
Tensor SelectAxes(const Tensor& tensor, const std::vector<Shape>& maps,
                  const Tensor* fill = nullptr);

/// The same backwards, in float32: every element of `tensor` is added to where SelectAxes, on a
/// tensor of `dims`, took it from; those that were filled are left out.
Tensor SumSelected(const Tensor& tensor, const std::vector<Shape>& maps, const Shape& dims);

/// Between [N, C, spatial...] and [N, spatial..., C].
Tensor ToNchw(const Tensor& tensor);
Tensor FromNchw(const Tensor& tensor);

}  // namespace lutra::converter::executor
