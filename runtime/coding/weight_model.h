// The model behind codec `best`: what it knows of a tensor's weights while they come one by one in
// rows. A weight is a size (a path through a SizeTree) and a sign. The scale around it is estimated
// from the row, the column, the position within the kernel window and the nearest weights;
// quantized estimates and the neighbours themselves select the counters and first guesses that are
// mixed (predictor.h). Contexts of this kind are those of lossless image coding; the trees and the
// guesses of scale are fitted to weights. Encoder and decoder run the same code.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "runtime/coding/predictor.h"
#include "runtime/coding/shape_table.h"
#include "runtime/memory.h"

namespace lutra::coding {

/// Weights that lie `period` apart in a row may be alike (one kernel position in neighbouring
/// channels, one image column in neighbouring rows). The encoder chooses; 1 = none.
constexpr unsigned kMaxPeriod = 64;

class WeightModel {
 public:
  static size_t ScratchBytes(size_t columns, unsigned tree_bits);

  /// `scratch` (aligned to 64) is as large as ScratchBytes says for these columns and a tree of at
  /// least as many bits. `level`: that of the mean of all sizes, roughly.
  WeightModel(const SizeTree& tree, size_t columns, unsigned period, unsigned level, void* scratch);

  /// Level of a mean size in units of 2^-8.
  static unsigned Level(const SizeTree& tree, uint32_t mean) {
    return Scale(tree, mean) >> kScaleBits;
  }

  /// Rows are coded one after another, the columns of each in order.
  void BeginRow();
  /// For every weight its size, its sign if it has one (1 = negative), then Next with both; sign is
  /// -1, 0 or 1.
  template <typename Coder>
  unsigned CodeSize(Coder& coder, unsigned size);
  template <typename Coder>
  unsigned CodeSign(Coder& coder, unsigned negative);
  void Next(unsigned size, int sign);

 private:
  static constexpr size_t kSizeCounters = 4, kSparseCounters = 3;
  static constexpr size_t kSignCounters = 7;
  /// Neighbours are told apart by this many leading bits.
  static constexpr unsigned kExactBits = 4;
  /// Elements before and after a row that contexts may look at.
  static constexpr size_t kBefore = 2 * kMaxPeriod, kAfter = 1;
  static constexpr size_t kRows = 3;

  /// Sizes are kept in sixteenths, 16 * size, as their means are.
  struct Row {
    uint16_t* sizes;
    int8_t* signs;
  };

  WeightModel(const SizeTree& tree, size_t columns) : tree_(tree), columns_(columns) {}
  void Place(Bump& memory);
  void Fill(unsigned level);
  void FindContexts();
  static unsigned Scale(const SizeTree& tree, uint32_t mean);
  template <typename Coder>
  unsigned CodeNode(Coder& coder, unsigned bit, unsigned node, unsigned depth);
  template <typename Coder>
  unsigned CodeSparseNode(Coder& coder, unsigned bit, unsigned node, unsigned depth);
  template <typename Coder>
  unsigned CodeNonzero(Coder& coder, unsigned bit);

  SizeTree tree_;
  size_t columns_;
  size_t period_ = 1;
  unsigned plain_depths_ = 0;
  size_t column_ = 0, row_ = 0, phase_ = 0;

  // Means of sizes in units of 2^-8.
  uint32_t row_mean_ = 0, rows_mean_ = 0, all_mean_ = 0;
  uint32_t phase_memory_ = 3, all_memory_ = 2;  ///< weights that these two remember by now
  uint32_t* column_means_ = nullptr;
  uint32_t* phase_means_ = nullptr;

  Row rows_[kRows] = {};  ///< this one and those above it
  int16_t* shapes_ = nullptr;
  Counter* counters_[kSizeCounters] = {};
  Counter* sign_counters_[kSignCounters] = {};
  MixerWeights* by_scale_ = nullptr;
  // For tensors of many zeros, whose other sizes follow no common shape:
  Counter* sparse_counters_[kSparseCounters] = {};
  Counter* pattern_counters_ = nullptr;
  MixerWeights* node_mixers_ = nullptr;
  MixerWeights* pattern_mixers_ = nullptr;
  MixerWeights* sign_mixers_ = nullptr;

  // Of the next weight:
  Counter* context_[kSizeCounters] = {};
  Counter* sparse_context_[kSparseCounters] = {};
  const int16_t* guesses_[3] = {};
  MixerWeights* scale_mixers_ = nullptr;
};

template <typename Coder>
inline unsigned WeightModel::CodeNode(Coder& coder, unsigned bit, unsigned node, unsigned depth) {
  if (tree_.zero_first) return CodeSparseNode(coder, bit, node, depth);
  if (depth < plain_depths_) return CodePlain(coder, bit, context_[0] + node);
  Counter* counters[kSizeCounters];
  for (size_t i = 0; i < kSizeCounters; ++i) counters[i] = context_[i] + node;
  const Vector8 inputs =
      Set(CounterLogit(*counters[0]), CounterLogit(*counters[1]), CounterLogit(*counters[2]),
          CounterLogit(*counters[3]), guesses_[0][node], guesses_[1][node], guesses_[2][node], 256);
  return CodeMixed(coder, bit, counters, inputs, scale_mixers_ + depth);
}

template <typename Coder>
unsigned WeightModel::CodeSparseNode(Coder& coder, unsigned bit, unsigned node, unsigned depth) {
  Counter* const counters[] = {
      context_[0] + node,        context_[1] + node,        context_[2] + node,
      context_[3] + node,        sparse_context_[0] + node, sparse_context_[1] + node,
      sparse_context_[2] + node,
  };
  const Vector8 inputs =
      Set(CounterLogit(*counters[0]), CounterLogit(*counters[1]), CounterLogit(*counters[2]),
          CounterLogit(*counters[3]), CounterLogit(*counters[4]), CounterLogit(*counters[5]),
          CounterLogit(*counters[6]), guesses_[0][node]);
  return CodeMixed(coder, bit, counters, inputs, scale_mixers_ + depth, node_mixers_ + node);
}

template <typename Coder>
unsigned WeightModel::CodeNonzero(Coder& coder, unsigned bit) {
  const size_t at = kBefore + column_;
  const uint16_t* here = rows_[0].sizes + at;
  const uint16_t* above = rows_[1].sizes + at;
  const auto nonzero = [](uint16_t size) { return size >= 16 ? 1U : 0U; };
  const unsigned pattern = nonzero(here[-1]) | nonzero(here[-2]) << 1 | nonzero(above[0]) << 2 |
                           nonzero(rows_[2].sizes[at]) << 3 | nonzero(*(here - period_)) << 4 |
                           nonzero(*(here - 2 * period_)) << 5 | nonzero(above[-1]) << 6 |
                           nonzero(above[1]) << 7;
  Counter* const counters[] = {
      context_[0],
      context_[1],
      context_[2],
      context_[3],
      sparse_context_[0],
      sparse_context_[1],
      pattern_counters_ + pattern,
  };
  const Vector8 inputs =
      Set(CounterLogit(*counters[0]), CounterLogit(*counters[1]), CounterLogit(*counters[2]),
          CounterLogit(*counters[3]), CounterLogit(*counters[4]), CounterLogit(*counters[5]),
          CounterLogit(*counters[6]), guesses_[0][0]);
  return CodeMixed(coder, bit, counters, inputs, node_mixers_,
                   pattern_mixers_ + std::popcount(pattern));
}

template <typename Coder>
unsigned WeightModel::CodeSize(Coder& coder, unsigned size) {
  FindContexts();
  if (tree_.zero_first && CodeNonzero(coder, size != 0 ? 1 : 0) == 0) return 0;
  unsigned node = 1;
  for (unsigned depth = tree_.bits; depth-- > 0;) {
    const unsigned upper = ((2 * node + 1) << depth) - (1U << tree_.bits);
    unsigned bit = 0;
    if (tree_.zero_first && upper == 1) {
      bit = 1;
    } else if (upper <= tree_.largest) {
      bit = CodeNode(coder, (size >> depth) & 1, node, depth);
    }
    node = 2 * node + bit;
  }
  return node - (1U << tree_.bits);
}

template <typename Coder>
unsigned WeightModel::CodeSign(Coder& coder, unsigned negative) {
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
  const int strength = sum * 32 / static_cast<int>(all_mean_ + 1);
  const auto tilt = static_cast<size_t>(std::clamp(strength, -31, 31) + 32) / 2;

  Counter* counters[kSignCounters] = {
      sign_counters_[0],
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
  return CodeMixed(coder, negative, counters, inputs, sign_mixers_ + tilt / 4);
}

}  // namespace lutra::coding
