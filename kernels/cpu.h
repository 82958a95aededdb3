// What this processor, and the operating system on it, can run. One question per row of kernels.
//
// We ask the processor ourselves instead of using Highway's targets, which are bundles: its
// AVX3_DL wants far more than VNNI (Cascade Lake has VNNI alone), and its NEON wants AES (which a
// Raspberry Pi 4 lacks). All functions are thread-safe and cost one look-up after the first call.
#pragma once

namespace lutra::kernels {

#if defined(__x86_64__)
bool HasSse4();  ///< SSSE3, SSE4.1, SSE4.2 and POPCNT, as in Nehalem and Silvermont
bool HasAvx2();
bool HasAvxVnni();     ///< AVX2 and AVX-VNNI
bool HasAvx512();      ///< F, BW, DQ and VL, as in Skylake-X
bool HasAvx512Vnni();  ///< those and AVX512-VNNI
#elif defined(__aarch64__)
bool HasNeonDotprod();
#endif

/// For rows that every processor of the architecture runs.
bool HasBaseline();

}  // namespace lutra::kernels
