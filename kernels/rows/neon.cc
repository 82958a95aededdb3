// NEON as every arm64 processor has it (Cortex-A53, A72: Raspberry Pi 3 and 4).
#define LUTRA_ROW neon
#define LUTRA_ROW_DOT "kernels/dot/smull-inl.h"

#include "kernels/rows/target_begin.h"
#ifdef HWY_NEON_WITHOUT_AES
#define HWY_TARGET HWY_NEON_WITHOUT_AES
#else
#define HWY_TARGET HWY_NEON
#endif
#include <hwy/highway.h>

#include LUTRA_ROW_BODY
