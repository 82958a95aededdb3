#include "runtime/coding/weight_model.h"

#include <algorithm>
#include <array>
#include <utility>

namespace lutra::coding {
namespace {

/// How many weights each mean remembers.
constexpr uint32_t kRowMemory = 200, kColumnMemory = 64, kPhaseMemory = 200, kAllMemory = 1000;
/// Weights that the mean of the rows before counts for at a row's beginning.
constexpr uint32_t kRowHeadStart = 3;
constexpr int16_t kFirstWeight = (1 << kWeightBits) * 3 / 20;
constexpr int16_t kFirstSignWeight = (1 << kWeightBits) / 5;
/// Decisions of a path through the tree.
constexpr size_t kDepths = 8;
constexpr size_t kSparseContexts[] = {kLevels, kMaxPeriod, 1};
constexpr size_t kPatterns = 256, kPatternMixers = 9;
/// So many of the last decisions about a size of so many bits are almost coin tosses; one counter
/// has to do.
constexpr unsigned kPlainDepths[] = {0, 0, 0, 0, 1, 1, 2, 2, 3};
constexpr size_t kTilts = 32, kTiltMixers = kTilts / 4;

constexpr std::array<uint16_t, kAllMemory + 1> MakeMeanRates() {
  std::array<uint16_t, kAllMemory + 1> rates{};
  for (uint32_t n = 2; n <= kAllMemory; ++n) rates[n] = static_cast<uint16_t>(65536 / n);
  return rates;
}
constexpr auto kMeanRates = MakeMeanRates();

/// mean += (value - mean) / n, 2 <= n <= kAllMemory
void Move(uint32_t* mean, uint32_t value, size_t n) {
  const int64_t difference = int64_t{value} - int64_t{*mean};
  *mean = static_cast<uint32_t>(int64_t{*mean} + (difference * kMeanRates[n] >> 16));
}

/// Mean size in units of 2^-8 in the middle of a level, but no more than a tensor's can be.
uint32_t MeanOfLevel(const SizeTree& tree, unsigned level) {
  const auto middle =
      tree.logarithmic
          ? (4 * level + 2) << 8
          : static_cast<uint32_t>(Exp2Negative(uint64_t{128 - (2 * level + 1)} << 13) >> 12);
  return std::min(middle, tree.largest << 8);
}

}  // namespace

size_t WeightModel::ScratchBytes(size_t columns, unsigned tree_bits) {
  Bump memory;
  WeightModel(SizeTree{.bits = tree_bits}, columns).Place(memory);
  return memory.bytes();
}

WeightModel::WeightModel(const SizeTree& tree, size_t columns, unsigned period, unsigned level,
                         void* scratch)
    : tree_(tree), columns_(columns), period_(period) {
  Bump memory(scratch, SIZE_MAX);
  Place(memory);
  Fill(level);
}

void WeightModel::Place(Bump& memory) {
  const size_t nodes = tree_.nodes();
  const size_t exact = std::min<size_t>(nodes, 1U << kExactBits);
  const size_t contexts[kSizeCounters] = {kLevels, kLevels, kLevels, exact * exact};
  const size_t sign_contexts[kSignCounters] = {1, 27, 81, columns_, 3 * kMaxPeriod, 81, kTilts};
  for (size_t i = 0; i < kSizeCounters; ++i) {
    counters_[i] = memory.TakeArray<Counter>(contexts[i] * nodes);
  }
  for (size_t i = 0; i < kSignCounters; ++i) {
    sign_counters_[i] = memory.TakeArray<Counter>(sign_contexts[i]);
  }
  for (size_t i = 0; i < kSparseCounters; ++i) {
    sparse_counters_[i] = memory.TakeArray<Counter>(kSparseContexts[i] * nodes);
  }
  pattern_counters_ = memory.TakeArray<Counter>(kPatterns);
  node_mixers_ = memory.TakeArray<MixerWeights>(nodes);
  pattern_mixers_ = memory.TakeArray<MixerWeights>(kPatternMixers);
  by_scale_ = memory.TakeArray<MixerWeights>(kLevels * kDepths);
  sign_mixers_ = memory.TakeArray<MixerWeights>(kTiltMixers);
  shapes_ = memory.TakeArray<int16_t>(kLevels * nodes);
  column_means_ = memory.TakeArray<uint32_t>(columns_);
  phase_means_ = memory.TakeArray<uint32_t>(kMaxPeriod);
  for (Row& row : rows_) {
    row.sizes = memory.TakeArray<uint16_t>(kBefore + columns_ + kAfter);
    row.signs = memory.TakeArray<int8_t>(kBefore + columns_ + kAfter);
  }
}

void WeightModel::Fill(unsigned level) {
  const size_t nodes = tree_.nodes();
  plain_depths_ = kPlainDepths[tree_.bits];
  FillShapeTable(tree_, shapes_);
  const auto guess = [&](Counter* counters, unsigned at_level) {
    for (size_t node = 0; node < nodes; ++node) {
      const uint32_t chance = Squash(shapes_[at_level * nodes + node]);
      counters[node] = MakeCounter(chance, kGuessCount);
    }
  };
  for (size_t i = 0; i < kSizeCounters - 1; ++i) {
    for (unsigned l = 0; l < kLevels; ++l) guess(counters_[i] + l * nodes, l);
  }
  const unsigned exact_bits = std::min(tree_.bits, kExactBits);
  const unsigned shift = tree_.bits - exact_bits;
  for (unsigned a = 0; a < 1U << exact_bits; ++a) {
    for (unsigned b = 0; b < 1U << exact_bits; ++b) {
      // The middle of what the leading bits leave open, and not less than a third.
      const uint32_t mean = std::max(((a + b) << shift << 7) + (((1U << shift) - 1) << 7), 85U);
      guess(counters_[kSizeCounters - 1] + ((a << exact_bits) + b) * nodes, Level(tree_, mean));
    }
  }

  const size_t sign_contexts[kSignCounters] = {1, 27, 81, columns_, 3 * kMaxPeriod, 81, kTilts};
  for (size_t i = 0; i < kSignCounters; ++i) {
    std::fill_n(sign_counters_[i], sign_contexts[i], MakeCounter(1U << 15, 2));
  }
  const auto even = [](int16_t weight) {
    MixerWeights mixer;
    std::fill_n(mixer.weights, kInputs, weight);
    return mixer;
  };
  if (tree_.zero_first) {
    for (unsigned l = 0; l < kLevels; ++l) guess(sparse_counters_[0] + l * nodes, l);
    for (size_t i = 1; i < kSparseCounters; ++i) {
      for (size_t c = 0; c < kSparseContexts[i]; ++c) guess(sparse_counters_[i] + c * nodes, level);
    }
    std::fill_n(pattern_counters_, kPatterns,
                MakeCounter(Squash(shapes_[level * nodes]), kGuessCount));
    std::fill_n(node_mixers_, nodes, even(kFirstWeight));
    std::fill_n(pattern_mixers_, kPatternMixers, even(kFirstWeight));
  }
  std::fill_n(by_scale_, kLevels * kDepths, even(kFirstWeight));
  std::fill_n(sign_mixers_, kTiltMixers, even(kFirstSignWeight));

  const uint32_t mean = MeanOfLevel(tree_, level);
  row_mean_ = rows_mean_ = all_mean_ = mean;
  std::fill_n(column_means_, columns_, mean);
  std::fill_n(phase_means_, kMaxPeriod, mean);
  for (const Row& row : rows_) {
    std::fill_n(row.sizes, kBefore + columns_ + kAfter, static_cast<uint16_t>(mean >> 4));
    std::fill_n(row.signs, kBefore + columns_ + kAfter, int8_t{0});
  }
}

unsigned WeightModel::Scale(const SizeTree& tree, uint32_t mean) {
  constexpr uint32_t kLeastMean = 16;
  const unsigned scale =
      tree.logarithmic ? mean >> 4 : Log2(std::max(mean, kLeastMean)) - Log2(kLeastMean);
  return std::min(scale, kMostScale);
}

void WeightModel::BeginRow() {
  const Row oldest = rows_[2];
  rows_[2] = rows_[1];
  rows_[1] = rows_[0];
  rows_[0] = oldest;
  // Before the row and after it there is nothing; the mean is the best guess of it.
  rows_mean_ = (rows_mean_ + row_mean_) / 2;
  row_mean_ = rows_mean_;
  std::fill_n(rows_[0].sizes, kBefore, static_cast<uint16_t>(row_mean_ >> 4));
  rows_[0].sizes[kBefore + columns_] = static_cast<uint16_t>(row_mean_ >> 4);
  column_ = 0;
  phase_ = 0;
  ++row_;
}

void WeightModel::FindContexts() {
  const size_t at = kBefore + column_;
  const uint16_t* here = rows_[0].sizes + at;
  const uint16_t* above = rows_[1].sizes + at;
  const uint16_t* back = here - period_;
  const uint32_t left = here[-1], left2 = here[-2], up = above[0];
  const uint32_t back1 = back[0], back2 = *(back - period_), back_right = back[period_ > 1 ? 1 : 0];
  const uint32_t near =
      (4 * (left + up + back1) + 2 * (left2 + back2 + back[-1] + back_right + rows_[2].sizes[at]) +
       above[-1] + above[1]) *
      2 / 3;
  const uint32_t along = (2 * left + left2 + here[-3] + 2 * back1 + back2) * 16 / 7;

  const unsigned row = Scale(tree_, row_mean_), all = Scale(tree_, all_mean_);
  const unsigned column = Scale(tree_, column_means_[column_]);
  const unsigned phase = Scale(tree_, phase_means_[phase_]);
  const unsigned near_scale = Scale(tree_, near);
  // If scales are a product of one for the row and one for the column.
  const auto product = [&](unsigned other) {
    return row + other > all ? std::min(row + other - all, kMostScale) : 0;
  };
  const unsigned separable = product(column);
  const unsigned blend = (2 * separable + near_scale) / 3;

  const size_t nodes = tree_.nodes();
  const unsigned exact_bits = std::min(tree_.bits, kExactBits);
  const unsigned shift = tree_.bits - exact_bits + 4;
  context_[0] = counters_[0] + (near_scale >> kScaleBits) * nodes;
  context_[1] = counters_[1] + (Scale(tree_, along) >> kScaleBits) * nodes;
  context_[2] = counters_[2] + (column >> kScaleBits) * nodes;
  context_[3] = counters_[3] + ((left >> shift << exact_bits) + (up >> shift)) * nodes;

  sparse_context_[0] = sparse_counters_[0] + (row >> kScaleBits) * nodes;
  sparse_context_[1] = sparse_counters_[1] + phase_ * nodes;
  sparse_context_[2] = sparse_counters_[2];

  const unsigned from_middle = blend > 32 ? blend - 32 : 0;
  guesses_[0] = shapes_ + (from_middle >> kScaleBits) * nodes;
  guesses_[1] = shapes_ + std::min((from_middle >> kScaleBits) + 1, kLevels - 1) * nodes;
  guesses_[2] = shapes_ + (product(phase) >> kScaleBits) * nodes;
  scale_mixers_ = by_scale_ + (separable >> kScaleBits) * kDepths;
}

void WeightModel::Next(unsigned size, int sign) {
  const size_t at = kBefore + column_;
  rows_[0].sizes[at] = static_cast<uint16_t>(size << 4);
  rows_[0].signs[at] = static_cast<int8_t>(sign);
  const uint32_t value = size << 8;
  Move(&row_mean_, value, std::min<size_t>(column_ + 1 + kRowHeadStart, kRowMemory));
  Move(&column_means_[column_], value, std::min<size_t>(row_ + 1, kColumnMemory));
  Move(&phase_means_[phase_], value, phase_memory_);
  Move(&all_mean_, value, all_memory_);
  all_memory_ += all_memory_ < kAllMemory ? 1 : 0;
  if (++phase_ == period_) {
    phase_ = 0;
    phase_memory_ += phase_memory_ < kPhaseMemory ? 1 : 0;
  }
  ++column_;
}

}  // namespace lutra::coding
