// NEON with sdot: Cortex-A55, A75, A76 onwards, Apple, Graviton 2.
#define LUTRA_ROW neon_dotprod
#define LUTRA_ROW_DOT "kernels/dot/sdot-inl.h"

#include "kernels/rows/target_begin.h"
#ifdef HWY_NEON_WITHOUT_AES
#define HWY_TARGET HWY_NEON_WITHOUT_AES
#else
#define HWY_TARGET HWY_NEON
#endif
#include <hwy/highway.h>

// Highway's own operations are compiled for the baseline (no HWY_TARGET_STR) and inline into ours.
#undef HWY_BEFORE_NAMESPACE
#define HWY_BEFORE_NAMESPACE()                  \
  HWY_PUSH_ATTRIBUTES("arch=armv8.2-a+dotprod") \
  static_assert(true, "For requiring trailing semicolon")
#undef HWY_AFTER_NAMESPACE
#define HWY_AFTER_NAMESPACE() \
  HWY_POP_ATTRIBUTES          \
  static_assert(true, "For requiring trailing semicolon")

#include LUTRA_ROW_BODY
