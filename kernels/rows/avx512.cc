// AVX-512 F, BW, DQ, VL without VNNI: Skylake-X. Dot products by widening to int16.
#define LUTRA_ROW avx512
#define LUTRA_ROW_NAME "avx512"
#define LUTRA_ROW_FUNCTION Avx512Row
#define LUTRA_ROW_AVAILABLE HasAvx512

#include "kernels/rows/target_begin.h"
#define HWY_TARGET HWY_AVX3
#include <hwy/highway.h>

#include LUTRA_ROW_BODY
