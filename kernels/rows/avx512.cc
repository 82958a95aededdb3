// AVX-512 F, BW, DQ, VL without VNNI: Skylake-X. Dot products by widening to int16.
#define LUTRA_ROW avx512
#define LUTRA_ROW_DOT "kernels/dot/pmaddwd-inl.h"

#include "kernels/rows/target_begin.h"
#define HWY_TARGET HWY_AVX3
#include <hwy/highway.h>

#include LUTRA_ROW_BODY
