// The functions of logistic mixing and of the model's first guesses, in integers: a file must
// decode alike on every CPU and with every compiler, so the model knows no floating point. All
// tables are computed from integer constants at compile time.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace lutra::coding {

/// Logits ln(p / (1 - p)) are in units of 1/256, within +-kMaxLogit.
constexpr int kMaxLogit = 2047;

namespace internal {

/// 2^(-i / 256) in units of 2^-32 for i = 0 to 256: powers of round(2^(63 - 1/256)) / 2^63.
constexpr std::array<uint64_t, 257> MakeRoots() {
  std::array<uint64_t, 257> roots{};
  unsigned __int128 power = static_cast<unsigned __int128>(1) << 63;
  for (uint64_t& root : roots) {
    root = static_cast<uint64_t>((power + (uint64_t{1} << 30)) >> 31);
    power = (power * 9198432556164277331ULL) >> 63;
  }
  return roots;
}
inline constexpr std::array<uint64_t, 257> kRoots = MakeRoots();

}  // namespace internal

/// 2^-x in units of 2^-32, x in units of 2^-16 (rounded down to 1/256).
constexpr uint64_t Exp2Negative(uint64_t x) {
  const uint64_t whole = x >> 16;
  return whole > 32 ? 0 : internal::kRoots[(x >> 8) & 0xFF] >> whole;
}

/// log2(x) in units of 1/256, x >= 1; linear between powers of two.
inline unsigned Log2(uint32_t x) {
  const auto whole = static_cast<unsigned>(std::bit_width(x)) - 1;
  return (whole << 8) + static_cast<unsigned>(((uint64_t{x} << 8) >> whole) & 0xFF);
}

namespace internal {

/// Probability of a logit, in units of 2^-16. exp(-x / 256) = 2^(-x * log2(e) / 256), and
/// log2(e) * 2^16 = 94548.
constexpr std::array<uint16_t, 2 * (kMaxLogit + 1)> MakeSquash() {
  std::array<uint16_t, 2 * (kMaxLogit + 1)> table{};
  for (int x = 0; x <= kMaxLogit; ++x) {
    const uint64_t e = Exp2Negative(static_cast<uint64_t>(x) * 94548 / 256);
    const auto p = static_cast<uint32_t>((uint64_t{1} << 48) / ((uint64_t{1} << 32) + e));
    table[static_cast<size_t>(kMaxLogit + 1 + x)] = static_cast<uint16_t>(p);
    table[static_cast<size_t>(kMaxLogit + 1 - x)] = static_cast<uint16_t>(65536 - p);
  }
  table[0] = table[1];
  return table;
}
inline constexpr auto kSquash = MakeSquash();

/// The logit of a probability in units of 2^-12: the largest that squashes to no more.
constexpr std::array<int16_t, 4096> MakeStretch() {
  std::array<int16_t, 4096> table{};
  int logit = -kMaxLogit;
  for (int p = 0; p < 4096; ++p) {
    while (logit < kMaxLogit && kSquash[static_cast<size_t>(kMaxLogit + 2 + logit)] <= p * 16 + 8) {
      ++logit;
    }
    table[static_cast<size_t>(p)] = static_cast<int16_t>(logit);
  }
  return table;
}
inline constexpr auto kStretch = MakeStretch();

}  // namespace internal

/// Probability in units of 2^-16 of a logit within +-kMaxLogit.
inline uint32_t Squash(int logit) {
  return internal::kSquash[static_cast<size_t>(kMaxLogit + 1 + logit)];
}

/// Logit of a probability in units of 2^-12.
inline int16_t Stretch(uint32_t chance12) { return internal::kStretch[chance12]; }

}  // namespace lutra::coding
