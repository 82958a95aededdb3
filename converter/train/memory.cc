#include "converter/train/memory.h"

#include <cstdlib>
#include <limits>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace lutra::converter::train {

void KeepFreedMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, 1 << 24);
  // One pool for all threads: what one frees another may take.
  mallopt(M_ARENA_MAX, 1);
#endif
}

}  // namespace lutra::converter::train
