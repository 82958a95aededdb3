#include "runtime/coding/weight_model.h"

#include <algorithm>
#include <array>
#include <utility>

namespace lutra::coding {
namespace {

/// How many symbols a first guess of a distribution counts for; where zeros abound, the other sizes
/// follow no common shape.
constexpr uint16_t kGuessSeen = 6, kSparseGuessSeen = 3;
constexpr int16_t kFirstWeight = (1 << kWeightBits) * 3 / 20;
constexpr int16_t kFirstSignWeight = (1 << kWeightBits) / 5;
constexpr size_t kPatterns = 256, kPatternMixers = 9;
constexpr size_t kZeroContexts[] = {kLevels, kLevels,    kLevels,  kNeighbours* kNeighbours,
                                    kLevels, kMaxPeriod, kPatterns};
constexpr size_t kTilts = 32, kTiltMixers = kTilts / 4;

/// The mean size in units of 2^-8 that has this scale, but no more than a tensor's can be.
uint32_t MeanOfScale(const SizeCode& code, unsigned scale) {
  const auto mean =
      code.logarithmic
          ? scale << 4
          : static_cast<uint32_t>(Exp2Negative(uint64_t{kMostScale + 1 - scale} << 8) >> 12);
  return std::min(mean, code.largest << 8);
}

/// All of the first `symbols` are alike.
Distribution FlatDistribution(unsigned symbols, uint16_t seen) {
  Distribution flat;
  for (unsigned s = 0; s < kSymbols; ++s) {
    flat.sums[s] = static_cast<int16_t>(kDistributionTotal * std::min(s + 1, symbols) / symbols);
  }
  flat.seen = seen;
  return flat;
}

MixerWeights EvenWeights(int16_t weight) {
  MixerWeights mixer;
  std::fill_n(mixer.weights, kInputs, weight);
  return mixer;
}

}  // namespace

size_t WeightModel::ScratchBytes(size_t columns) {
  Bump memory;
  WeightModel(columns).Place(memory);
  return memory.bytes();
}

WeightModel::WeightModel(const SizeCode& code, size_t columns, unsigned period, unsigned scale,
                         void* scratch)
    : code_(code), low_bits_(code.low_bits()), columns_(columns), period_(period) {
  if (code.v1) pace_.count_limit = kCountLimitV1;
  zero_pace_ = {.count_limit = pace_.count_limit, .mixer_shift = code.zero_shift};
  Bump memory(scratch, SIZE_MAX);
  Place(memory);
  Fill(scale);
}

void WeightModel::Place(Bump& memory) {
  shapes_.tops = memory.TakeArray<Distribution>(kLevels);
  shapes_.lows = memory.TakeArray<Distribution>(kLowLevels * kSymbols);
  by_column_ = memory.TakeArray<Distribution>(kLevels);
  by_neighbours_ = memory.TakeArray<Distribution>(kNeighbours * kNeighbours);
  by_both_ = memory.TakeArray<Distribution>(kHalves * kHalves);
  by_blend_ = memory.TakeArray<Distribution>(kLevels);
  by_row_ = memory.TakeArray<Distribution>(kLevels);
  everywhere_ = memory.TakeArray<Distribution>(1);
  lows_everywhere_ = memory.TakeArray<Distribution>(kSymbols + 1);
  const size_t sign_contexts[kSignCounters] = {kMostSizes,     27, 81,    columns_,
                                               3 * kMaxPeriod, 81, kTilts};
  for (size_t i = 0; i < kSignCounters; ++i) {
    sign_counters_[i] = memory.TakeArray<Counter>(sign_contexts[i]);
  }
  for (size_t i = 0; i < kZeroCounters; ++i) {
    zero_counters_[i] = memory.TakeArray<Counter>(kZeroContexts[i]);
  }
  pattern_mixers_ = memory.TakeArray<MixerWeights>(kPatternMixers);
  sign_mixers_ = memory.TakeArray<MixerWeights>(kTiltMixers);
  column_means_ = memory.TakeArray<uint32_t>(columns_);
  column_scales_ = memory.TakeArray<uint16_t>(columns_);
  for (Row& row : rows_) {
    row.sizes = memory.TakeArray<uint16_t>(kBefore + columns_ + kAfter);
    row.signs = memory.TakeArray<int8_t>(kBefore + columns_ + kAfter);
  }
}

void WeightModel::Fill(unsigned scale) {
  const unsigned level = scale >> kScaleBits;
  FillShapeTable(code_, code_.zero_first ? kSparseGuessSeen : kGuessSeen, &shapes_);
  const Distribution* tops = shapes_.tops;
  for (unsigned a = 0; a < kNeighbours; ++a) {
    for (unsigned b = 0; b < kNeighbours; ++b) {
      // The middle of what the top bits leave open, and not less than a third.
      const uint32_t mean =
          std::max(((a + b) << low_bits_ << 7) + (((1U << low_bits_) - 1) << 7), 85U);
      by_neighbours_[a * kNeighbours + b] = tops[Level(code_.logarithmic, mean)];
    }
  }
  std::copy_n(tops, kLevels, by_blend_);
  std::fill_n(lows_everywhere_, kSymbols + 1, FlatDistribution(1U << low_bits_, kGuessSeen));
  if (code_.zero_first) {
    std::copy_n(tops, kLevels, by_row_);
    everywhere_[0] = tops[level];
    FillZeros(level);
  } else {
    std::copy_n(tops, kLevels, by_column_);
    for (unsigned a = 0; a < kHalves; ++a) {
      for (unsigned b = 0; b < kHalves; ++b)
        by_both_[a * kHalves + b] = tops[(4 * a + 2 * b + 3) / 3];
    }
  }

  const size_t sign_contexts[kSignCounters] = {kMostSizes,     27, 81,    columns_,
                                               3 * kMaxPeriod, 81, kTilts};
  for (size_t i = 0; i < kSignCounters; ++i) {
    std::fill_n(sign_counters_[i], sign_contexts[i], MakeCounter(1U << 15, 2));
  }
  std::fill_n(sign_mixers_, kTiltMixers, EvenWeights(kFirstSignWeight));

  const uint32_t mean = MeanOfScale(code_, scale);
  row_mean_ = rows_mean_ = all_mean_ = mean;
  row_scale_ = all_scale_ = Scale(mean);
  std::fill_n(column_means_, columns_, mean);
  std::fill_n(column_scales_, columns_, static_cast<uint16_t>(all_scale_));
  for (const Row& row : rows_) {
    std::fill_n(row.sizes, kBefore + columns_ + kAfter, static_cast<uint16_t>(mean >> 4));
    std::fill_n(row.signs, kBefore + columns_ + kAfter, int8_t{0});
  }
}

void WeightModel::FillZeros(unsigned level) {
  const auto guess = [&](unsigned l) { return MakeCounter(shapes_.nonzero[l], kGuessCount); };
  for (const size_t i : {0, 1, 2, 4}) {
    for (unsigned l = 0; l < kLevels; ++l) zero_counters_[i][l] = guess(l);
  }
  for (unsigned a = 0; a < kNeighbours; ++a) {
    for (unsigned b = 0; b < kNeighbours; ++b) {
      zero_counters_[3][a * kNeighbours + b] =
          guess(Level(code_.logarithmic, std::max((a + b) << low_bits_ << 7, 85U)));
    }
  }
  for (const size_t i : {5, 6}) std::fill_n(zero_counters_[i], kZeroContexts[i], guess(level));
  std::fill_n(pattern_mixers_, kPatternMixers, EvenWeights(kFirstWeight));
}

void WeightModel::BeginRow() {
  const Row oldest = rows_[2];
  rows_[2] = rows_[1];
  rows_[1] = rows_[0];
  rows_[0] = oldest;
  // Before the row and after it there is nothing; the mean is the best guess of it.
  rows_mean_ = (rows_mean_ + row_mean_) / 2;
  Move(&all_mean_, row_mean_, kRowsMemory);
  all_scale_ = Scale(all_mean_);
  tilt_factor_ = (int64_t{32} << 16) / (all_mean_ + 1);
  row_mean_ = rows_mean_;
  row_scale_ = Scale(row_mean_);
  std::fill_n(rows_[0].sizes, kBefore, static_cast<uint16_t>(row_mean_ >> 4));
  rows_[0].sizes[kBefore + columns_] = static_cast<uint16_t>(row_mean_ >> 4);
  column_ = 0;
  phase_ = 0;
  ++row_;
}

}  // namespace lutra::coding
