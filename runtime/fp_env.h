// The floating-point environment in which results are defined: round to nearest even, subnormals
// kept, exceptions masked. A caller may have changed it (many audio and graphics programs flush
// subnormals to zero), so every entry that computes sets it and puts the caller's back.
#pragma once

#include <cstdint>
#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#elif !defined(__aarch64__)
#include <cfenv>
#endif

namespace lutra {

class ScopedFpEnv {
 public:
#if defined(__x86_64__) || defined(__i386__)
  ScopedFpEnv() : saved_(_mm_getcsr()) { _mm_setcsr(kDefaultMxcsr); }
  ~ScopedFpEnv() { _mm_setcsr(saved_); }
#elif defined(__aarch64__)
  ScopedFpEnv() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" ::"r"(uint64_t{0}) : "memory");
  }
  ~ScopedFpEnv() { asm volatile("msr fpcr, %0" ::"r"(saved_) : "memory"); }
#else
  ScopedFpEnv() {
    std::fegetenv(&saved_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~ScopedFpEnv() { std::fesetenv(&saved_); }
#endif
  ScopedFpEnv(const ScopedFpEnv&) = delete;
  ScopedFpEnv& operator=(const ScopedFpEnv&) = delete;

 private:
#if defined(__x86_64__) || defined(__i386__)
  static constexpr uint32_t kDefaultMxcsr =
      0x1F80;  // all exceptions masked, nearest, no FTZ, no DAZ
  uint32_t saved_;
#elif defined(__aarch64__)
  uint64_t saved_ = 0;
#else
  std::fenv_t saved_;
#endif
};

}  // namespace lutra
