// Adaptive probabilities of up to 16 symbols, kept as their running sums so that eight of them are
// moved at once towards what happened. Several of them, each right in its own context, are averaged
// to predict a symbol (Bayes' mixture with equal weights). One decision per symbol instead of one
// per bit is what makes decoding fast.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/coding/vector8.h"

namespace lutra::coding {

constexpr unsigned kSymbols = 16;
constexpr unsigned kDistributionBits = 15;
/// The sum of all probabilities.
constexpr int kDistributionTotal = (1 << kDistributionBits) - 1;
/// A distribution adapts with 1 / (kMostSeen + 1.5) at the least.
constexpr unsigned kMostSeen = 255;

/// sums[s]: of the probabilities of all symbols up to s; the last is kDistributionTotal.
struct alignas(16) Distribution {
  int16_t sums[kSymbols];
  uint16_t seen;  ///< symbols, 1 to kMostSeen; what it starts with says how good a guess it is
};

namespace internal {

constexpr auto MakeTargets() {
  std::array<std::array<int16_t, kSymbols>, kSymbols> targets{};
  for (size_t symbol = 0; symbol < kSymbols; ++symbol) {
    for (size_t s = symbol; s < kSymbols; ++s) targets[symbol][s] = kDistributionTotal;
  }
  return targets;
}
alignas(16) inline constexpr auto kTargets = MakeTargets();

/// Rate 2^16 / (n + 1.5) and what, added before it is applied, rounds.
struct Rate {
  int16_t rate, rounding;
};
constexpr auto MakeRates() {
  std::array<Rate, kMostSeen + 1> rates{};
  for (int n = 1; n <= static_cast<int>(kMostSeen); ++n) {
    rates[static_cast<size_t>(n)] = {static_cast<int16_t>((2 << 16) / (2 * n + 3)),
                                     static_cast<int16_t>((2 * n + 3) / 4)};
  }
  return rates;
}
inline constexpr auto kRates = MakeRates();

/// No symbol is less probable than 2 of 2^15.
constexpr int kFloorShift = 9;
alignas(16) inline constexpr int16_t kFloors[kSymbols] = {2,  4,  6,  8,  10, 12, 14, 16,
                                                          18, 20, 22, 24, 26, 28, 30, 63};

}  // namespace internal

/// Where each symbol's part of the range begins and ends: sums that grow with every symbol. Given
/// sums may end a little below the total.
class Bounds {
 public:
  Bounds(Vector8 low, Vector8 high)
      : low_(AddFloor(low, internal::kFloors)), high_(AddFloor(high, internal::kFloors + 8)) {
    ends_[kZero] = 0;
    Store(low_, ends_ + kZero + 1);
    Store(high_, ends_ + kZero + 9);
    ends_[kZero + kSymbols] = kDistributionTotal;
  }

  uint32_t begin(unsigned symbol) const { return static_cast<uint32_t>(ends_[kZero + symbol]); }
  uint32_t size(unsigned symbol) const {
    return static_cast<uint32_t>(ends_[kZero + 1 + symbol] - ends_[kZero + symbol]);
  }
  /// The symbol in whose part a point below kDistributionTotal lies.
  unsigned Find(int16_t point) const {
    return std::min(CountUpTo(low_, high_, point), kSymbols - 1);
  }

 private:
  static constexpr size_t kZero = 7;

  static Vector8 AddFloor(Vector8 sums, const int16_t* floors) {
    return Add(Subtract(sums, ShiftRight<internal::kFloorShift>(sums)), Load(floors));
  }

  Vector8 low_, high_;
  alignas(16) int16_t ends_[kZero + 1 + kSymbols];
};

inline void Update(Distribution* distribution, unsigned symbol) {
  const internal::Rate rate = internal::kRates[distribution->seen];
  const int16_t* target = internal::kTargets[symbol].data();
  MoveTowards(distribution->sums, Load(target), rate.rate, rate.rounding);
  MoveTowards(distribution->sums + 8, Load(target + 8), rate.rate, rate.rounding);
  distribution->seen =
      static_cast<uint16_t>(distribution->seen + (distribution->seen < kMostSeen ? 1 : 0));
}

/// Codes a symbol under one distribution, which learns it.
template <typename Coder>
inline unsigned CodeSymbol(Coder& coder, unsigned symbol, Distribution* distribution) {
  symbol = coder.CodeSymbol(symbol, Bounds(Load(distribution->sums), Load(distribution->sums + 8)));
  Update(distribution, symbol);
  return symbol;
}

/// Codes a symbol under the average of four, which learn it.
template <typename Coder>
inline unsigned CodeSymbol(Coder& coder, unsigned symbol, Distribution* const (&mixed)[4]) {
  const auto average = [&](size_t half) {
    return Average(Average(Load(mixed[0]->sums + half), Load(mixed[1]->sums + half)),
                   Average(Load(mixed[2]->sums + half), Load(mixed[3]->sums + half)));
  };
  symbol = coder.CodeSymbol(symbol, Bounds(average(0), average(8)));
  for (Distribution* distribution : mixed) Update(distribution, symbol);
  return symbol;
}

}  // namespace lutra::coding
