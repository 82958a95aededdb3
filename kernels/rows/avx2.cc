// AVX2: Haswell and Zen onwards. Dot products by widening to int16 (vpmaddwd).
#define LUTRA_ROW avx2
#define LUTRA_ROW_NAME "avx2"
#define LUTRA_ROW_FUNCTION Avx2Row
#define LUTRA_ROW_AVAILABLE HasAvx2

#include "kernels/rows/target_begin.h"
#define HWY_TARGET HWY_AVX2
#include <hwy/highway.h>

#include LUTRA_ROW_BODY
