// Element-wise operators walk one to three tensors in step. numpy's broadcasting is a stride of 0;
// dimensions that are contiguous in every operand merge, so that equal shapes become one long row,
// a bias per channel [pixels] x [channels] with a repeated row, and a scalar a column step of 0:
// the forms the kernels take as views. What is left outside of rows and columns is looped over.
#pragma once

#include <initializer_list>

#include "kernels/shape.h"
#include "runtime/operator.h"

namespace lutra {

struct Walk {
  static constexpr size_t kMaxOperands = 3;

  /// A rectangle of the walk: where it begins in each operand, in elements.
  struct Block {
    size_t offset[kMaxOperands];
    size_t rows, cols;
  };

  size_t outer_rank = 0;
  size_t outer_extent[kMaxRank] = {};
  size_t outer_stride[kMaxOperands][kMaxRank] = {};
  size_t rows = 1, cols = 1;
  size_t row_stride[kMaxOperands] = {};
  size_t col_step[kMaxOperands] = {};
  size_t rows_per_task = 1, cols_per_task = 1;
  size_t tasks = 1;

  Block At(size_t task) const;

  template <typename T>
  kernels::View<T> View(const Block& block, size_t operand, T* data) const {
    return {data + block.offset[operand], row_stride[operand], col_step[operand]};
  }
};

/// `tensors`: the inputs, then the output, whose shape every input broadcasts to.
Walk MakeWalk(std::initializer_list<Tensor> tensors);

}  // namespace lutra
