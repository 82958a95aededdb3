// The register-only loop of each row's dot primitive: what the hardware can do at best.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lutra::kernels {

/// Registers itself; one object in each row's translation unit.
class DotPeak {
 public:
  using Loop = int32_t (*)(size_t iterations);
  DotPeak(const char* row, Loop loop, size_t macs_per_iteration);

  /// Peak of a row in multiply-accumulates per second, the best of many short runs; 0 if unknown.
  static double Measure(std::string_view row);

 private:
  const char* row_;
  Loop loop_;
  size_t macs_per_iteration_;
  const DotPeak* next_;
};

}  // namespace lutra::kernels
