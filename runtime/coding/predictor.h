// One binary decision predicted by several adaptive counters and fixed guesses at once, mixed in
// the logistic domain by online-trained weights (Mahoney's PAQ6 and later). A counter adapts with
// 1/n at first and with a floor later, so it is exact on what is stationary and follows what is
// not. Two mixers choose their weights by different small contexts; the mean of their logits is the
// prediction. Integers only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/coding/arithmetic.h"
#include "runtime/coding/logistic.h"

namespace lutra::coding {

/// Probability of a 1 in the upper 22 bits, number of decisions seen in the lower 10.
using Counter = uint32_t;

constexpr unsigned kCountBits = 10;
constexpr uint32_t kCountMask = (1U << kCountBits) - 1;
/// A counter adapts with 1 / (kCountLimit + 1.5) at the least.
constexpr uint32_t kCountLimit = 255;
/// The count that a counter starts with when its probability is a good guess.
constexpr uint32_t kGuessCount = 6;

constexpr Counter MakeCounter(uint32_t chance16, uint32_t count) {
  return (chance16 << 16) | count;
}

namespace internal {
/// 2^16 / (n + 1.5)
constexpr std::array<uint32_t, kCountLimit + 1> MakeCounterRates() {
  std::array<uint32_t, kCountLimit + 1> rates{};
  for (uint32_t n = 0; n <= kCountLimit; ++n) rates[n] = (2U << 16) / (2 * n + 3);
  return rates;
}
inline constexpr auto kCounterRates = MakeCounterRates();
}  // namespace internal

inline int CounterLogit(Counter counter) { return Stretch(counter >> 20); }

inline void UpdateCounter(Counter* counter, unsigned bit) {
  const uint32_t count = *counter & kCountMask;
  const auto chance = static_cast<int32_t>(*counter >> kCountBits);
  const int32_t target = bit != 0 ? (1 << 22) - 1 : 0;
  const auto step = static_cast<int32_t>(
      (int64_t{target - chance} * static_cast<int32_t>(internal::kCounterRates[count])) >> 16);
  *counter = (static_cast<uint32_t>(chance + step) << kCountBits) |
             (count + (count < kCountLimit ? 1 : 0));
}

constexpr size_t kInputs = 8;
/// Mixer weights are in units of 2^-16 and stay within +-kMostWeight.
using MixerWeights = std::array<int32_t, kInputs>;
constexpr int32_t kMostWeight = 8 << 16;

inline int MixLogits(const MixerWeights& weights, const int (&inputs)[kInputs]) {
  int64_t sum = 0;
  for (size_t i = 0; i < kInputs; ++i) sum += int64_t{weights[i]} * inputs[i];
  return static_cast<int>(std::clamp<int64_t>(sum >> 16, int64_t{-kMaxLogit}, int64_t{kMaxLogit}));
}

/// One step of gradient descent on the coding cost.
inline void TrainMixer(MixerWeights* weights, const int (&inputs)[kInputs], int32_t error) {
  for (size_t i = 0; i < kInputs; ++i) {
    // |input| < 2^11, |error| <= 2^16: the product has 28 bits.
    const int32_t step = (inputs[i] * error + (1 << 14)) >> 15;
    (*weights)[i] = std::clamp((*weights)[i] + step, -kMostWeight, kMostWeight);
  }
}

/// Codes one decision with `counters` counters (their inputs come first; the others are set by the
/// caller) and trains everything that took part.
template <size_t counters, typename Coder>
inline unsigned CodeMixed(Coder& coder, unsigned bit, Counter* const (&counter)[counters],
                          int (&inputs)[kInputs], MixerWeights* first, MixerWeights* second) {
  for (size_t i = 0; i < counters; ++i) inputs[i] = CounterLogit(*counter[i]);
  const int a = MixLogits(*first, inputs), b = MixLogits(*second, inputs);
  const uint32_t chance =
      std::clamp(Squash((a + b) >> 1), kLeastChance, (1U << kChanceBits) - kLeastChance);
  bit = coder.Code(bit, chance);
  const int32_t target = bit != 0 ? 1 << kChanceBits : 0;
  TrainMixer(first, inputs, target - static_cast<int32_t>(Squash(a)));
  TrainMixer(second, inputs, target - static_cast<int32_t>(Squash(b)));
  for (size_t i = 0; i < counters; ++i) UpdateCounter(counter[i], bit);
  return bit;
}

}  // namespace lutra::coding
