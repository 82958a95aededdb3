// AVX2: Haswell and Zen onwards. Dot products by widening to int16 (vpmaddwd).
#define LUTRA_ROW avx2
#define LUTRA_ROW_DOT "kernels/dot/pmaddwd-inl.h"

#include "kernels/rows/target_begin.h"
#define HWY_TARGET HWY_AVX2
#include <hwy/highway.h>

#include LUTRA_ROW_BODY
