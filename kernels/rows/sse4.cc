// SSE4.2: processors without AVX2, as Intel's Atom, Celeron and Pentium of up to 2020 are. Dot
// products by widening to int16 (pmaddwd).
#define LUTRA_ROW sse4
#define LUTRA_ROW_DOT "kernels/dot/pmaddwd-inl.h"

#include "kernels/rows/target_begin.h"
#define HWY_TARGET HWY_SSE4
#include <hwy/highway.h>

#include LUTRA_ROW_BODY
