// The model behind codec `best`: what it knows of a tensor's weights while they come one by one in
// rows. A weight is a size (a SizeCode's symbols) and a sign. The scale around it is estimated from
// the row, the column and the nearest weights; quantized estimates and the neighbours themselves
// select the distributions that are averaged (distribution.h). The decisions "not zero" and
// "negative" are mixed from counters (predictor.h). Contexts of this kind are those of lossless
// image coding; the guesses of shape and scale are fitted to weights. Encoder and decoder run the
// same code.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "runtime/coding/blend.h"
#include "runtime/coding/mean.h"
#include "runtime/coding/predictor.h"
#include "runtime/coding/shape_table.h"
#include "runtime/memory.h"

namespace lutra::coding {

/// Weights that lie `period` apart in a row may be alike (one kernel position in neighbouring
/// channels, one image column in neighbouring rows). The encoder chooses; 1 = none.
constexpr unsigned kMaxPeriod = 64;

/// Larger than any size: not a size that an encoder writes.
constexpr unsigned kNoSize = 256;

/// Half octaves of the scale of the weights around, and of that of row and column.
constexpr unsigned kHalves = kLevels / 2;
constexpr size_t kNeighbours = 16;
/// The row's scale is looked at once for so many weights.
constexpr size_t kRowSteps = 4;

class WeightModel {
 public:
  static size_t ScratchBytes(size_t columns);

  /// `scratch` (aligned to 64) is as large as ScratchBytes says. `scale`: that of the mean of all
  /// sizes, roughly.
  WeightModel(const SizeCode& code, size_t columns, unsigned period, unsigned scale, void* scratch);

  /// Level of a mean size in units of 2^-8.
  static unsigned Level(bool logarithmic, uint32_t mean) {
    return Scale(logarithmic, mean) >> kScaleBits;
  }
  /// Logarithm of a mean size in units of 2^-8, in units of 1/64 of a level.
  static unsigned Scale(bool logarithmic, uint32_t mean);

  /// Rows are coded one after another, the columns of each in order.
  void BeginRow();
  /// For every weight its size, its sign if it has one (1 = negative), then Next with both; sign is
  /// -1, 0 or 1. A decoded size above the largest one is an error of the stream, and ends it.
  template <typename Coder>
  unsigned CodeSize(Coder& coder, unsigned size);
  template <typename Coder>
  unsigned CodeSign(Coder& coder, unsigned negative, unsigned size);
  void Next(unsigned size, int sign);

 private:
  static constexpr size_t kZeroCounters = 7, kSignCounters = 7;
  /// Elements before and after a row that contexts may look at.
  static constexpr size_t kBefore = 2 * kMaxPeriod, kAfter = 1;
  static constexpr size_t kRows = 3;

  /// Sizes are kept in sixteenths, 16 * size, as their means are.
  struct Row {
    uint16_t* sizes;
    int8_t* signs;
  };

  explicit WeightModel(size_t columns) : columns_(columns) {}
  void Place(Bump& memory);
  void Fill(unsigned scale);
  void FillZeros(unsigned level);
  void FindContexts();
  unsigned Scale(uint32_t mean) const { return Scale(code_.logarithmic, mean); }
  template <typename Coder>
  unsigned CodeNonzero(Coder& coder, unsigned bit);

  SizeCode code_;
  unsigned low_bits_ = 0;
  size_t columns_;
  size_t period_ = 1;
  size_t column_ = 0, row_ = 0, phase_ = 0;

  // Means of sizes in units of 2^-8, and their scales.
  uint32_t row_mean_ = 0, rows_mean_ = 0, all_mean_ = 0;
  int64_t tilt_factor_ = 0;  ///< 32 / all_mean_ in units of 2^-16
  uint32_t* column_means_ = nullptr;
  unsigned row_scale_ = 0, all_scale_ = 0;
  uint16_t* column_scales_ = nullptr;

  Pace pace_, zero_pace_;
  Row rows_[kRows] = {};  ///< this one and those above it
  ShapeTable shapes_ = {};
  Distribution* by_column_ = nullptr;
  Distribution* by_neighbours_ = nullptr;
  Distribution* by_both_ = nullptr;
  Distribution* by_blend_ = nullptr;
  Distribution* lows_everywhere_ = nullptr;  ///< of each top symbol, and one that is flat
  Blend<4> top_weights_;
  Blend<3> low_weights_[kSymbols];
  Counter* sign_counters_[kSignCounters] = {};
  MixerWeights* sign_mixers_ = nullptr;
  // For tensors of many zeros:
  Distribution* by_row_ = nullptr;
  Distribution* everywhere_ = nullptr;
  Counter* zero_counters_[kZeroCounters] = {};
  MixerWeights* pattern_mixers_ = nullptr;
  Counter zero_counter_ = MakeCounter(1U << 15, 2);

  // Of the next weight:
  Distribution* tops_[4] = {};
  Distribution* lows_ = nullptr;
  Counter* zero_context_[kZeroCounters] = {};
  int16_t zero_guess_ = 0;
};

inline unsigned WeightModel::Scale(bool logarithmic, uint32_t mean) {
  constexpr uint32_t kLeastMean = 16;
  const unsigned scale =
      logarithmic ? mean >> 4 : Log2(std::max(mean, kLeastMean)) - Log2(kLeastMean);
  return std::min(scale, kMostScale);
}

inline void WeightModel::FindContexts() {
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
  const unsigned near_scale = Scale(near);
  const unsigned column = column_scales_[column_];
  // If scales are a product of one for the row and one for the column.
  const unsigned product = row_scale_ + column;
  const unsigned separable = product > all_scale_ ? std::min(product - all_scale_, kMostScale) : 0;
  const unsigned blend = (2 * separable + near_scale) / 3;
  const auto top = [&](uint32_t size) {
    return std::min<size_t>(size >> (low_bits_ + 4), kNeighbours - 1);
  };
  const size_t neighbours = top(left) * kNeighbours + top(up);

  tops_[0] = by_blend_ + (blend >> kScaleBits);
  tops_[1] = by_neighbours_ + neighbours;
  lows_ = shapes_.lows + (blend >> (kScaleBits + 1)) * kSymbols;
  if (!code_.zero_first) {
    tops_[2] = by_column_ + (column >> kScaleBits);
    tops_[3] =
        by_both_ + (separable >> (kScaleBits + 1)) * kHalves + (near_scale >> (kScaleBits + 1));
    return;
  }
  tops_[2] = by_row_ + (row_scale_ >> kScaleBits);
  tops_[3] = everywhere_;
  const uint32_t along = (2 * left + left2 + here[-3] + 2 * back1 + back2) * 16 / 7;
  zero_context_[0] = zero_counters_[0] + (near_scale >> kScaleBits);
  zero_context_[1] = zero_counters_[1] + (Scale(along) >> kScaleBits);
  zero_context_[2] = zero_counters_[2] + (column >> kScaleBits);
  zero_context_[3] = zero_counters_[3] + neighbours;
  zero_context_[4] = zero_counters_[4] + (row_scale_ >> kScaleBits);
  zero_context_[5] = zero_counters_[5] + phase_;
  const unsigned from_middle = blend > 32 ? blend - 32 : 0;
  zero_guess_ = Stretch(shapes_.nonzero[from_middle >> kScaleBits] >> 4);
}

inline void WeightModel::Next(unsigned size, int sign) {
  const size_t at = kBefore + column_;
  rows_[0].sizes[at] = static_cast<uint16_t>(size << 4);
  rows_[0].signs[at] = static_cast<int8_t>(sign);
  const uint32_t value = size << 8;
  Move(&row_mean_, value, std::min<size_t>(column_ + 1 + kRowHeadStart, kRowMemory));
  Move(&column_means_[column_], value, std::min<size_t>(row_ + 1, kColumnMemory));
  if (column_ % kRowSteps == 0) row_scale_ = Scale(row_mean_);
  column_scales_[column_] = static_cast<uint16_t>(Scale(column_means_[column_]));
  if (++phase_ == period_) phase_ = 0;
  ++column_;
}

template <typename Coder>
unsigned WeightModel::CodeNonzero(Coder& coder, unsigned bit) {
  if (code_.zero_shift == 0) return CodePlain(coder, bit, &zero_counter_, zero_pace_);
  const size_t at = kBefore + column_;
  const uint16_t* here = rows_[0].sizes + at;
  const uint16_t* above = rows_[1].sizes + at;
  const auto nonzero = [](uint16_t size) { return size >= 16 ? 1U : 0U; };
  const unsigned pattern = nonzero(here[-1]) | nonzero(here[-2]) << 1 | nonzero(above[0]) << 2 |
                           nonzero(rows_[2].sizes[at]) << 3 | nonzero(*(here - period_)) << 4 |
                           nonzero(*(here - 2 * period_)) << 5 | nonzero(above[-1]) << 6 |
                           nonzero(above[1]) << 7;
  zero_context_[kZeroCounters - 1] = zero_counters_[kZeroCounters - 1] + pattern;
  const auto logit = [&](size_t i) { return CounterLogit(*zero_context_[i]); };
  const Vector8 inputs =
      Set(logit(0), logit(1), logit(2), logit(3), logit(4), logit(5), logit(6), zero_guess_);
  return CodeMixed(coder, bit, zero_context_, inputs, pattern_mixers_ + std::popcount(pattern),
                   zero_pace_);
}

template <typename Coder>
unsigned WeightModel::CodeSize(Coder& coder, unsigned size) {
  FindContexts();
  unsigned lowered = 0;
  if (code_.zero_first) {
    if (CodeNonzero(coder, size != 0 ? 1 : 0) == 0) return 0;
    lowered = 1;
  }
  size -= lowered;
  const unsigned top = code_.v1 ? CodeSymbol(coder, size >> low_bits_, tops_)
                                : CodeSymbol(coder, size >> low_bits_, tops_, 4, &top_weights_);
  if (low_bits_ == 0) return top + lowered;
  unsigned low = size & ((1U << low_bits_) - 1);
  if (code_.v1) {
    low = CodeSymbol(coder, low, lows_ + top);
  } else {
    Distribution* const lows[] = {lows_ + top, lows_everywhere_ + top, lows_everywhere_ + kSymbols};
    low = CodeSymbol(coder, low, lows, 2, &low_weights_[top]);
  }
  if (low >> low_bits_ != 0) return kNoSize;
  return (top << low_bits_) + low + lowered;
}

template <typename Coder>
unsigned WeightModel::CodeSign(Coder& coder, unsigned negative, unsigned size) {
  const size_t at = kBefore + column_;
  const int8_t* here = rows_[0].signs + at;
  const int8_t* above = rows_[1].signs + at;
  const auto digit = [](int8_t sign) { return static_cast<size_t>(sign + 1); };
  const size_t left = digit(here[-1]), left2 = digit(here[-2]), up = digit(above[0]);
  const size_t back = digit(*(here - period_)), back2 = digit(*(here - 2 * period_));
  const auto pull = [&](const Row& row, ptrdiff_t offset) {
    return row.signs[static_cast<ptrdiff_t>(at) + offset] *
           static_cast<int>(row.sizes[static_cast<ptrdiff_t>(at) + offset]);
  };
  const auto period = static_cast<ptrdiff_t>(period_);
  const int sum = 2 * pull(rows_[0], -1) + 2 * pull(rows_[1], 0) + 2 * pull(rows_[0], -period) +
                  pull(rows_[0], -2) + pull(rows_[0], -2 * period) + pull(rows_[2], 0);
  const int64_t strength = (sum * tilt_factor_) >> 16;
  const auto tilt = static_cast<size_t>(std::clamp<int64_t>(strength, -31, 31) + 32) / 2;

  Counter* counters[kSignCounters] = {
      sign_counters_[0] + (code_.two_sided ? size : 0),
      sign_counters_[1] + (left * 9 + up * 3 + back),
      sign_counters_[2] +
          (up * 27 + digit(rows_[2].signs[at]) * 9 + digit(above[-1]) * 3 + digit(above[1])),
      sign_counters_[3] + column_,
      sign_counters_[4] + (left * kMaxPeriod + phase_),
      sign_counters_[5] + (left * 27 + left2 * 9 + back * 3 + back2),
      sign_counters_[6] + tilt,
  };
  const Vector8 inputs =
      Set(CounterLogit(*counters[0]), CounterLogit(*counters[1]), CounterLogit(*counters[2]),
          CounterLogit(*counters[3]), CounterLogit(*counters[4]), CounterLogit(*counters[5]),
          CounterLogit(*counters[6]), 256);
  return CodeMixed(coder, negative, counters, inputs, sign_mixers_ + tilt / 4, pace_);
}

}  // namespace lutra::coding
