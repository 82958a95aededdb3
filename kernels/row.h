// The table of instruction sets: one row per set of kernels, best first, the plain C++ reference
// last. A row is data; every kernel of every row computes the same bytes.
#pragma once

#include <string_view>

#include "kernels/depthwise.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/pool.h"
#include "kernels/reduce.h"
#include "kernels/resize.h"
#include "kernels/softmax.h"
#include "kernels/wide.h"

namespace lutra::kernels {

struct Row {
  const char* name;     ///< as LUTRA_CPU names it: "avx512vnni", "neon_dotprod", "reference" ...
  bool (*available)();  ///< can this CPU (and its operating system) run it
  IntGemmKernels int_gemm;
  IntGemmKernels int_winograd;  ///< 3x3 convolutions (winograd.h); null functions: no such way
  FloatGemmKernels float_gemm;
  IntDepthwiseKernels int_depthwise;
  FloatDepthwiseKernels float_depthwise;
  WideKernels wide;
  ElementwiseKernels elementwise;
  PoolKernels pool;
  ReduceKernels reduce;
  ResizeKernels resize;
  SoftmaxKernels softmax;
};

/// Rows compiled into this program, best first, "reference" last; null past the end.
const Row* RowAt(size_t index);

/// Row of that name, available or not; null if there is none.
const Row* FindRow(std::string_view name);

/// Whether that is the name of a row, of this build or of another architecture's.
bool IsRowName(std::string_view name);

/// First available row.
const Row& BestRow();

}  // namespace lutra::kernels
