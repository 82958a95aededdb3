#include "runtime/walk.h"

#include <algorithm>

namespace lutra {
namespace {

/// Elements of one task: long enough to hide the cost of taking it, short enough to share out.
constexpr size_t kTaskElements = 16384;

struct Dimension {
  size_t extent;
  size_t stride[Walk::kMaxOperands];
};

/// Stride of `tensor` along output dimension d of `rank`, shapes aligned at their last dimension.
size_t BroadcastStride(const Tensor& tensor, size_t d, size_t rank) {
  if (d + tensor.rank < rank) return 0;
  const size_t own = d + tensor.rank - rank;
  return tensor.shape[own] == 1 ? 0 : tensor.Stride(own);
}

bool Mergeable(const Dimension& outer, const Dimension& inner, size_t operands) {
  for (size_t i = 0; i < operands; ++i) {
    if (outer.stride[i] != inner.stride[i] * inner.extent) return false;
  }
  return true;
}

}  // namespace

Walk MakeWalk(std::initializer_list<Tensor> tensors) {
  const size_t operands = tensors.size();
  const Tensor& out = *(tensors.end() - 1);

  // From the innermost dimension outwards, merged where possible.
  Dimension dimensions[kMaxRank + 1];
  size_t count = 0;
  for (size_t d = out.rank; d-- > 0;) {
    if (out.shape[d] == 1) continue;
    Dimension dimension = {out.shape[d], {}};
    for (size_t i = 0; i < operands; ++i) {
      dimension.stride[i] = BroadcastStride(tensors.begin()[i], d, out.rank);
    }
    if (count > 0 && Mergeable(dimension, dimensions[count - 1], operands)) {
      dimensions[count - 1].extent *= dimension.extent;
    } else {
      dimensions[count++] = dimension;
    }
  }

  Walk walk;
  // Columns must be adjacent or repeated; where channels is 1, pixels of a wider tensor are
  // neither.
  const auto fits = [&](const Dimension& dimension) {
    return std::all_of(dimension.stride, dimension.stride + operands,
                       [](size_t stride) { return stride <= 1; });
  };
  size_t next = 0;
  if (count > 0 && fits(dimensions[0])) {
    walk.cols = dimensions[0].extent;
    std::copy_n(dimensions[0].stride, operands, walk.col_step);
    next = 1;
  }
  if (next < count) {
    walk.rows = dimensions[next].extent;
    std::copy_n(dimensions[next].stride, operands, walk.row_stride);
    ++next;
  }
  size_t outer = 1;
  for (; next < count; ++next) {
    walk.outer_extent[walk.outer_rank] = dimensions[next].extent;
    for (size_t i = 0; i < operands; ++i) {
      walk.outer_stride[i][walk.outer_rank] = dimensions[next].stride[i];
    }
    ++walk.outer_rank;
    outer *= dimensions[next].extent;
  }
  walk.cols_per_task = std::min(walk.cols, kTaskElements);
  walk.rows_per_task = std::clamp<size_t>(kTaskElements / walk.cols_per_task, 1, walk.rows);
  walk.tasks = outer * ((walk.rows + walk.rows_per_task - 1) / walk.rows_per_task) *
               ((walk.cols + walk.cols_per_task - 1) / walk.cols_per_task);
  return walk;
}

Walk::Block Walk::At(size_t task) const {
  const size_t col_tasks = (cols + cols_per_task - 1) / cols_per_task;
  const size_t row_tasks = (rows + rows_per_task - 1) / rows_per_task;
  const size_t col = task % col_tasks * cols_per_task;
  const size_t row = task / col_tasks % row_tasks * rows_per_task;
  size_t outer = task / col_tasks / row_tasks;
  Block block = {{}, std::min(rows_per_task, rows - row), std::min(cols_per_task, cols - col)};
  for (size_t i = 0; i < kMaxOperands; ++i) {
    block.offset[i] = row * row_stride[i] + col * col_step[i];
  }
  for (size_t d = 0; d < outer_rank; ++d) {
    const size_t position = outer % outer_extent[d];
    outer /= outer_extent[d];
    for (size_t i = 0; i < kMaxOperands; ++i) {
      block.offset[i] += position * outer_stride[i][d];
    }
  }
  return block;
}

}  // namespace lutra
