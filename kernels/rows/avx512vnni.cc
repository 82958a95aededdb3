// AVX-512 with VNNI: Cascade Lake, Ice Lake, Zen 4 onwards. The same target as avx512 but for
// vpdpbusd.
#define LUTRA_ROW avx512vnni
#define LUTRA_ROW_DOT "kernels/dot/vpdpbusd-inl.h"

#include "kernels/rows/target_begin.h"
#define HWY_TARGET HWY_AVX3
#include <hwy/highway.h>
#undef HWY_TARGET_STR
#define HWY_TARGET_STR HWY_TARGET_STR_AVX3 ",avx512vnni"

#include LUTRA_ROW_BODY
