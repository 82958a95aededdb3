// The rows: one list for each architecture, from which the table (row.cc), the names and the
// functions of the translation units in this folder follow.
#pragma once

#include "kernels/cpu.h"
#include "kernels/row.h"

// ROW(name, available): the name is also the row's namespace and its file in this folder; the
// question is one of cpu.h. Best first: where a processor has both AVX512-VNNI and AVX-VNNI, the
// wider registers win.
#define LUTRA_X86_64_ROWS(ROW)   \
  ROW(avx512vnni, HasAvx512Vnni) \
  ROW(avxvnni, HasAvxVnni)       \
  ROW(avx512, HasAvx512)         \
  ROW(avx2, HasAvx2)             \
  ROW(sse4, HasSse4)
#define LUTRA_ARM64_ROWS(ROW)       \
  ROW(neon_dotprod, HasNeonDotprod) \
  ROW(neon, HasBaseline)
/// Of every architecture.
#define LUTRA_PORTABLE_ROWS(ROW) ROW(reference, HasBaseline)

#define LUTRA_ALL_ROWS(ROW) LUTRA_X86_64_ROWS(ROW) LUTRA_ARM64_ROWS(ROW) LUTRA_PORTABLE_ROWS(ROW)

/// Those that are compiled in.
#if defined(__x86_64__)
#define LUTRA_ROWS(ROW) LUTRA_X86_64_ROWS(ROW) LUTRA_PORTABLE_ROWS(ROW)
#elif defined(__aarch64__)
#define LUTRA_ROWS(ROW) LUTRA_ARM64_ROWS(ROW) LUTRA_PORTABLE_ROWS(ROW)
#else
#define LUTRA_ROWS(ROW) LUTRA_PORTABLE_ROWS(ROW)
#endif

namespace lutra::kernels {

#define LUTRA_DECLARE_ROW(name, available)            \
  namespace name {                                    \
  inline constexpr char kName[] = #name;              \
  inline constexpr bool (*kAvailable)() = &available; \
  const Row& GetRow();                                \
  }
LUTRA_ROWS(LUTRA_DECLARE_ROW)
#undef LUTRA_DECLARE_ROW

}  // namespace lutra::kernels
