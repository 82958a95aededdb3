// The one strided copy of dense tensors that Transpose, Slice, Expand, Concat, Split, Tile and
// their like are made of.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "converter/graph/shape.h"

namespace lutra::converter::executor {

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
