// Random numbers of a seed, the same everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

namespace lutra::test {

/// std::mt19937_64 is the same on every library; its distributions are not, so these stand here.
class RandomNumbers {
 public:
  explicit RandomNumbers(uint64_t seed) : engine_(seed) {}
  uint64_t Bits() { return engine_(); }
  /// From 0 to bound - 1.
  size_t Below(size_t bound) { return static_cast<size_t>(engine_() % bound); }
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Below(static_cast<size_t>(high - low + 1)));
  }
  bool OneIn(size_t n) { return Below(n) == 0; }
  float Real(float low, float high) {
    return low + (high - low) * static_cast<float>(Below(1U << 24)) / static_cast<float>(1U << 24);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace lutra::test
