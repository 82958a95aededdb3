// AVX2 with AVX-VNNI: Alder Lake and its small-core relatives, which have no AVX-512.
#define LUTRA_ROW avxvnni
#define LUTRA_ROW_DOT "kernels/dot/vpdpbusd-inl.h"

#include "kernels/rows/target_begin.h"
#define HWY_TARGET HWY_AVX2
#include <hwy/highway.h>
#undef HWY_TARGET_STR
#define HWY_TARGET_STR HWY_TARGET_STR_AVX2 ",avxvnni"

#include LUTRA_ROW_BODY
