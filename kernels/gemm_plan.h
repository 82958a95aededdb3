// How a matrix product is cut into tasks: a grid of (group, band of rows, band of channels).
//
// A task packs its rows of the left operand once and multiplies them with its channels, so cutting
// rows costs reading the weights again and cutting channels costs packing the left operand again.
// Plain arithmetic shared by all rows of kernels; nothing here is compiled for an instruction set.
#pragma once

#include <algorithm>
#include <cstddef>

#include "kernels/gemm.h"

namespace lutra::kernels {

constexpr size_t CeilDiv(size_t x, size_t y) { return (x + y - 1) / y; }
constexpr size_t RoundUp(size_t x, size_t multiple) { return CeilDiv(x, multiple) * multiple; }

/// Register tile and limits of one row's kernel.
struct TileShape {
  size_t rows, channels;
  size_t max_rows_per_task;
};

/// A convolution that reads each pixel once, in order, is a dense matrix product.
inline void SimplifyPatches(GemmProblem& p) {
  const Window& w = p.window;
  if (p.left == LeftKind::patches && w.kernel_h == 1 && w.kernel_w == 1 && w.stride_h == 1 &&
      w.stride_w == 1 && w.pad_top == 0 && w.pad_left == 0 && w.out_h == w.in_h &&
      w.out_w == w.in_w) {
    p.left = LeftKind::dense;
    p.left_stride = w.in_pixel_stride;
  }
}

/// Sets rows_per_task, channels_per_task and tasks. The longer of M and N is cut for the threads;
/// two tasks for each thread even out threads that were interrupted.
inline void CutTasks(GemmProblem& p, size_t threads, const TileShape& tile) {
  const size_t wanted = threads <= 1 ? 1 : CeilDiv(2 * threads, p.groups);
  const bool cut_rows = p.m >= p.n;
  const size_t row_bands = std::max(CeilDiv(p.m, tile.max_rows_per_task), cut_rows ? wanted : 1);
  const size_t channel_bands = cut_rows ? 1 : CeilDiv(wanted, row_bands);
  p.rows_per_task = RoundUp(CeilDiv(p.m, row_bands), tile.rows);
  p.channels_per_task = RoundUp(CeilDiv(p.n, channel_bands), tile.channels);
  p.tasks = p.groups * CeilDiv(p.m, p.rows_per_task) * CeilDiv(p.n, p.channels_per_task);
}

struct Task {
  size_t group, m_begin, m_end, n_begin, n_end;
};

inline Task TaskAt(const GemmProblem& p, size_t task) {
  const size_t row_bands = CeilDiv(p.m, p.rows_per_task);
  const size_t channel_bands = CeilDiv(p.n, p.channels_per_task);
  const size_t m_begin = task % row_bands * p.rows_per_task;
  const size_t n_begin = task / row_bands % channel_bands * p.channels_per_task;
  return {task / (row_bands * channel_bands), m_begin, std::min(p.m, m_begin + p.rows_per_task),
          n_begin, std::min(p.n, n_begin + p.channels_per_task)};
}

}  // namespace lutra::kernels
