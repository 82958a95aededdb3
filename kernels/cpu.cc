// Processor features by cpuid and xgetbv (x86) or the kernel's auxiliary vector (arm64).
#include "kernels/cpu.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace lutra::kernels {

bool HasBaseline() { return true; }

#if defined(__x86_64__)
namespace {

struct X86Features {
  bool sse4 = false, avx2 = false, avx_vnni = false, avx512 = false, avx512_vnni = false;
};

bool Bit(uint32_t word, int bit) { return (word >> bit & 1U) != 0; }

/// XCR0: which register states the operating system saves on a context switch. Called only when
/// cpuid reports OSXSAVE; written as assembly because the intrinsic needs a compiler flag.
uint32_t ReadXcr0() {
  uint32_t low = 0;
  uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/// Bit numbers: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID.
X86Features Detect() {
  X86Features features;
  uint32_t a = 0;
  uint32_t b = 0;
  uint32_t c = 0;
  uint32_t d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return features;
  features.sse4 = Bit(c, 9) && Bit(c, 19) && Bit(c, 20) && Bit(c, 23);
  const bool os_saves_registers = Bit(c, 27) && Bit(c, 28);  // OSXSAVE, AVX
  if (!os_saves_registers) return features;
  const bool fma = Bit(c, 12);
  const uint32_t xcr0 = ReadXcr0();
  constexpr uint32_t kYmmState = 0x06;  // xmm, ymm
  constexpr uint32_t kZmmState = 0xE6;  // and opmask, upper halves, zmm16-31
  if ((xcr0 & kYmmState) != kYmmState) return features;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return features;
  const uint32_t leaf7_b = b;
  const uint32_t leaf7_c = c;
  const uint32_t last_subleaf = a;
  // With BMI1, BMI2 and FMA, which Highway lets the compiler use.
  features.avx2 = Bit(leaf7_b, 5) && Bit(leaf7_b, 3) && Bit(leaf7_b, 8) && fma;
  if (features.avx2 && last_subleaf >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0) {
    features.avx_vnni = Bit(a, 4);
  }
  // F, DQ, CD, BW, VL. Every processor with the others has CD, which newer Highways enable.
  features.avx512 = features.avx2 && (xcr0 & kZmmState) == kZmmState && Bit(leaf7_b, 16) &&
                    Bit(leaf7_b, 17) && Bit(leaf7_b, 28) && Bit(leaf7_b, 30) && Bit(leaf7_b, 31);
  features.avx512_vnni = features.avx512 && Bit(leaf7_c, 11);
  return features;
}

const X86Features& Features() {
  static const X86Features features = Detect();
  return features;
}

}  // namespace

bool HasSse4() { return Features().sse4; }
bool HasAvx2() { return Features().avx2; }
bool HasAvxVnni() { return Features().avx_vnni; }
bool HasAvx512() { return Features().avx512; }
bool HasAvx512Vnni() { return Features().avx512_vnni; }

#elif defined(__aarch64__)

// ASIMDDP of the Linux ABI (asm/hwcap.h).
bool HasNeonDotprod() { return (getauxval(AT_HWCAP) & (1UL << 20)) != 0; }

#endif

}  // namespace lutra::kernels
