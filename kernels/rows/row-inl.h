// One row: includes every SIMD body and ties their entry points together. The including file has
// set the Highway target, LUTRA_ROW (the row's name in rows.h, and its namespace) and LUTRA_ROW_DOT
// (the file of its dot primitive).
//
// Every body lives in HWY_BEFORE_NAMESPACE and in namespace LUTRA_ROW: two rows may share a Highway
// target (avx512 and avx512vnni do), and their functions must not be merged by the linker. The
// Make functions are constexpr, for they must not run: they are compiled for the row's target, and
// this file is asked for its row on processors that lack it.
#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/codes.h"
#include "kernels/gemm_plan.h"
#include "kernels/pieces.h"
#include "kernels/reference/reference.h"
#include "kernels/rows/rows.h"
#include "kernels/sparse.h"

// The bodies, in the order in which they build on each other.
// clang-format off
#include "kernels/simd-inl.h"
#include "kernels/curve-inl.h"
#include "kernels/elementwise-inl.h"
#include "kernels/pool-inl.h"
#include "kernels/reduce-inl.h"
#include "kernels/softmax-inl.h"
#include "kernels/resize-inl.h"
#include "kernels/dot-inl.h"
#include "kernels/depthwise-inl.h"
#include "kernels/wide-inl.h"
#include "kernels/gemm_left-inl.h"
#include "kernels/codes-inl.h"
#include "kernels/gemm_pack-inl.h"
#include "kernels/gemm_tile-inl.h"
#include "kernels/gemm_few_rows-inl.h"
#include "kernels/gemm_epilogue-inl.h"
#include "kernels/gemm_int-inl.h"
#include "kernels/gemm_sparse-inl.h"
#include "kernels/gemm_runs-inl.h"
#include "kernels/gemm_form-inl.h"
#include "kernels/winograd-inl.h"
#include "kernels/gemm_float-inl.h"
// clang-format on

namespace lutra::kernels::LUTRA_ROW {

const Row& GetRow() {
  static constexpr Row row = {kName,
                              kAvailable,
                              MakeIntGemm(),
                              MakeIntWinograd(),
                              MakeFloatGemm(),
                              MakeIntDepthwise(),
                              MakeFloatDepthwise(),
                              MakeWide(),
                              MakeElementwise(),
                              MakePool(),
                              MakeReduce(),
                              MakeResize(),
                              MakeSoftmax()};
  return row;
}

}  // namespace lutra::kernels::LUTRA_ROW
