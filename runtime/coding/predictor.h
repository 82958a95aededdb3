// One binary decision predicted by several adaptive counters and fixed guesses at once, mixed in
// the logistic domain by online-trained weights (Mahoney's PAQ6 and later). A counter adapts with
// 1/n at first and with a floor later, so it is exact on what is stationary and follows what is
// not. A small context chooses the mixer's weights. Integers only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/coding/logistic.h"
#include "runtime/coding/range.h"
#include "runtime/coding/vector8.h"

namespace lutra::coding {

/// Probability of a 1 in the upper 22 bits, number of decisions seen in the lower 10.
using Counter = uint32_t;

constexpr unsigned kCountBits = 10;
constexpr uint32_t kCountMask = (1U << kCountBits) - 1;
/// Counts end here at the latest.
constexpr uint32_t kMostCount = 1023;
/// Those of codec best_v1.
constexpr uint32_t kCountLimitV1 = 255;
/// The count that a counter starts with when its probability is a good guess.
constexpr uint32_t kGuessCount = 6;

constexpr Counter MakeCounter(uint32_t chance16, uint32_t count) {
  return (chance16 << 16) | count;
}

namespace internal {
/// 2^16 / (n + 1.5)
constexpr std::array<uint32_t, kMostCount + 1> MakeCounterRates() {
  std::array<uint32_t, kMostCount + 1> rates{};
  for (uint32_t n = 0; n <= kMostCount; ++n) rates[n] = (2U << 16) / (2 * n + 3);
  return rates;
}
inline constexpr auto kCounterRates = MakeCounterRates();
}  // namespace internal

/// How closely predictions follow what happens.
struct Pace {
  uint32_t count_limit =
      kMostCount;       ///< a counter adapts with 1 / (count_limit + 1.5) at the least
  int mixer_shift = 2;  ///< a mixer's steps are 2^-mixer_shift of the largest
};

inline int16_t CounterLogit(Counter counter) { return Stretch(counter >> 20); }

inline void UpdateCounter(Counter* counter, unsigned bit, const Pace& pace) {
  const uint32_t count = *counter & kCountMask;
  const auto chance = static_cast<int32_t>(*counter >> kCountBits);
  const int32_t target = bit != 0 ? (1 << 22) - 1 : 0;
  const auto step = static_cast<int32_t>(
      (int64_t{target - chance} * static_cast<int32_t>(internal::kCounterRates[count])) >> 16);
  *counter = (static_cast<uint32_t>(chance + step) << kCountBits) |
             (count + (count < pace.count_limit ? 1 : 0));
}

/// Inputs of a mixer, as logits, and its weights in units of 2^-14, within +-2.
constexpr size_t kInputs = 8;
struct alignas(16) MixerWeights {
  int16_t weights[kInputs];
};
constexpr unsigned kWeightBits = 14;

inline int MixLogits(const MixerWeights& mixer, Vector8 inputs) {
  // |weight| <= 2^15, |logit| < 2^11: eight products fit in 30 bits.
  return std::clamp(Dot(Load(mixer.weights), inputs) >> kWeightBits, -kMaxLogit, kMaxLogit);
}

/// One step of gradient descent on the coding cost.
inline void TrainMixer(MixerWeights* mixer, Vector8 inputs, unsigned bit, uint32_t chance,
                       const Pace& pace) {
  // Of the largest error one unit is missing, so that it fits 16 bits.
  const int32_t target = bit != 0 ? (1 << kChanceBits) - 1 : 0;
  const auto error =
      static_cast<int16_t>((target - static_cast<int32_t>(chance)) >> pace.mixer_shift);
  AddScaled(mixer->weights, inputs, error);
}

/// Codes one decision with `counters` counters, whose logits are the first inputs, and trains
/// everything that took part.
template <size_t counters, typename Coder>
inline unsigned CodeMixed(Coder& coder, unsigned bit, Counter* const (&counter)[counters],
                          Vector8 inputs, MixerWeights* mixer, const Pace& pace) {
  const uint32_t mixed = Squash(MixLogits(*mixer, inputs));
  bit = coder.CodeBit(bit, std::clamp(mixed, kLeastChance, (1U << kChanceBits) - kLeastChance));
  TrainMixer(mixer, inputs, bit, mixed, pace);
  for (size_t i = 0; i < counters; ++i) UpdateCounter(counter[i], bit, pace);
  return bit;
}

/// Codes one decision with a single counter.
template <typename Coder>
inline unsigned CodePlain(Coder& coder, unsigned bit, Counter* counter, const Pace& pace) {
  const uint32_t chance =
      std::clamp(*counter >> (32 - kChanceBits), kLeastChance, (1U << kChanceBits) - kLeastChance);
  bit = coder.CodeBit(bit, chance);
  UpdateCounter(counter, bit, pace);
  return bit;
}

}  // namespace lutra::coding
