// Time for spinning and profiles.
#pragma once

#include <time.h>

#include <cstdint>

namespace lutra {

/// Nanoseconds of a clock that never goes back.
inline uint64_t NowNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000000000U + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace lutra
