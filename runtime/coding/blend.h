// The weights with which distributions are averaged (distribution.h), learned while symbols come:
// after each symbol a weight moves towards the share that its distribution had in predicting it,
// which is expectation maximization for mixtures, one symbol at a time. So a tensor whose weights
// tell nothing of their neighbours pays little for the contexts that ask them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/coding/distribution.h"

namespace lutra::coding {

/// Weights are in units of 2^-24.
constexpr unsigned kBlendBits = 24;
/// What first weights count for, in symbols, and the most that any count for. From then on they
/// look at one symbol in kBlendStep only, for they hardly change and cost a division.
constexpr uint32_t kBlendHeadStart = 32, kBlendMemory = 256, kBlendStep = 4;

template <size_t n>
struct Blend {
  constexpr Blend() {
    weights.fill((1U << kBlendBits) / n);
    weights[0] += (1U << kBlendBits) % n;
  }

  std::array<uint32_t, n> weights;  ///< their sum is 2^24
  uint32_t seen = kBlendHeadStart;  ///< symbols
};

namespace internal {
/// 2^16 / seen
constexpr std::array<uint16_t, kBlendMemory + 1> MakeBlendRates() {
  std::array<uint16_t, kBlendMemory + 1> rates{};
  for (uint32_t seen = kBlendHeadStart; seen <= kBlendMemory; ++seen) {
    rates[seen] = static_cast<uint16_t>((1U << 16) / seen);
  }
  return rates;
}
inline constexpr auto kBlendRates = MakeBlendRates();
}  // namespace internal

/// Moves the weights towards shares[i] / sum of shares, as the product of weight and probability.
template <size_t n>
inline void UpdateBlend(Blend<n>* blend, const std::array<uint32_t, n>& shares) {
  uint32_t total = 0;
  for (const uint32_t share : shares) total += share;
  const uint64_t inverse = (uint64_t{1} << 40) / total;
  const int64_t rate = internal::kBlendRates[std::min(blend->seen, kBlendMemory)];
  uint32_t rest = 1U << kBlendBits;
  for (size_t i = 1; i < n; ++i) {
    const auto target = static_cast<int64_t>(shares[i] * inverse >> (40 - kBlendBits));
    blend->weights[i] += static_cast<uint32_t>((target - blend->weights[i]) * rate >> 16);
    rest -= blend->weights[i];
  }
  blend->weights[0] = rest;
}

/// Codes a symbol under the weighted average of n distributions, of which the first `learning` and
/// the weights learn it.
template <size_t n, typename Coder>
inline unsigned CodeSymbol(Coder& coder, unsigned symbol, Distribution* const (&mixed)[n],
                           size_t learning, Blend<n>* blend) {
  std::array<uint32_t, n> weights;
  for (size_t i = 0; i < n; ++i) {
    weights[i] = std::min(blend->weights[i] >> (kBlendBits - 16), 0xFFFFU);
  }
  const auto average = [&](size_t half) {
    const auto part = [&](size_t i) {
      return MultiplyHigh(Load(mixed[i]->sums + half), static_cast<uint16_t>(weights[i]));
    };
    Vector8 sum = part(0);
    for (size_t i = 1; i < n; ++i) sum = Add(sum, part(i));
    return sum;
  };
  symbol = coder.CodeSymbol(symbol, Bounds(average(0), average(8)));
  if (++blend->seen < kBlendMemory || blend->seen % kBlendStep == 0) {
    for (size_t i = 0; i < n; ++i) {
      const int16_t* const sums = mixed[i]->sums;
      const int before = symbol > 0 ? sums[symbol - 1] : 0;
      // One unit more, for a symbol that a distribution has ruled out is possible all the same.
      weights[i] *= static_cast<uint32_t>(sums[symbol] - before + 1);
    }
    UpdateBlend(blend, weights);
  }
  for (size_t i = 0; i < learning; ++i) Update(mixed[i], symbol);
  return symbol;
}

}  // namespace lutra::coding
