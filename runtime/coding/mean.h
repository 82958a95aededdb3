// Running means of sizes, in units of 2^-8, that remember a limited number of values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lutra::coding {

/// Weights that the mean of the rows before counts for at a row's beginning.
constexpr size_t kRowHeadStart = 3;
/// How many weights the means of a row and of a column remember, and how many rows that of all.
constexpr size_t kRowMemory = 200, kColumnMemory = 64, kRowsMemory = 4;

namespace internal {
constexpr std::array<uint16_t, kRowMemory + 1> MakeMeanRates() {
  std::array<uint16_t, kRowMemory + 1> rates{};
  for (uint32_t n = 2; n <= kRowMemory; ++n) rates[n] = static_cast<uint16_t>(65536 / n);
  return rates;
}
inline constexpr auto kMeanRates = MakeMeanRates();
}  // namespace internal

/// mean += (value - mean) / n, 2 <= n <= kRowMemory
inline void Move(uint32_t* mean, uint32_t value, size_t n) {
  const int64_t difference = int64_t{value} - int64_t{*mean};
  *mean = static_cast<uint32_t>(int64_t{*mean} + (difference * internal::kMeanRates[n] >> 16));
}

}  // namespace lutra::coding
