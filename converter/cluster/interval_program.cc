#include "converter/cluster/interval_program.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

namespace lutra::converter::cluster {
namespace {

// Layer j holds, for every i, the least spread of the first i items in j intervals and where the
// last of these starts. That start never falls as i grows or as j grows, which bounds the search
// from both sides.
class Program {
 public:
  Program(std::span<const ValueMoments> prefix, size_t k) : items_(prefix.size() - 1), k_(k) {
    for (const ValueMoments& moments : prefix) {
      weight_.push_back(moments.weight);
      sum_.push_back(moments.sum);
      square_.push_back(moments.square);
    }
    previous_.resize(items_ + 1);
    current_.resize(items_ + 1);
    starts_.assign(k, {});
  }

  Partition Run() {
    for (size_t i = 1; i <= items_; ++i) previous_[i] = (prefix(i) - prefix(0)).Spread();
    starts_[0].assign(items_ + 1, 0);
    for (size_t j = 2; j <= k_; ++j) {
      // The intervals still to come need an item each; of the last layer one entry is asked for.
      const size_t last = items_ - (k_ - j), first = j == k_ ? last : j;
      starts_[j - 1].assign(items_ + 1, 0);
      Fill(j, first, last, j - 1, last - 1);
      previous_.swap(current_);
    }
    Partition partition{std::vector<size_t>(k_), previous_[items_]};
    size_t end = items_;
    for (size_t j = k_; j-- > 0;) {
      end = starts_[j][end];
      partition.starts[j] = end;
    }
    return partition;
  }

 private:
  ValueMoments prefix(size_t i) const { return {weight_[i], sum_[i], square_[i]}; }

  // Entries first .. last of layer j, whose starts lie in low .. high.
  void Fill(size_t j, size_t first, size_t last, size_t low, size_t high) {
    const size_t middle = first + (last - first) / 2;
    const size_t to = std::min(high, middle - 1);
    // Among sums that differ by rounding alone the order of starts may not hold.
    const size_t from = std::min(to, std::max<size_t>(low, starts_[j - 2][middle]));
    const size_t best = Search(middle, from, to);
    starts_[j - 1][middle] = static_cast<uint32_t>(best);
    if (first < middle) Fill(j, first, middle - 1, low, best);
    if (middle < last) Fill(j, middle + 1, last, best, high);
  }

  // Sums are computed a piece at a time, apart from the comparison, so that they vectorize.
  size_t Search(size_t end, size_t from, size_t to) {
    constexpr size_t kPiece = 64;
    std::array<double, kPiece> sums;
    const double weight = weight_[end], sum = sum_[end], square = square_[end];
    double least = std::numeric_limits<double>::infinity();
    size_t best = from;
    for (size_t piece = from; piece <= to; piece += kPiece) {
      const size_t count = std::min(kPiece, to + 1 - piece);
      const double* w = weight_.data() + piece;
      const double* s = sum_.data() + piece;
      const double* q = square_.data() + piece;
      const double* before = previous_.data() + piece;
      for (size_t l = 0; l < count; ++l) {
        const double part = sum - s[l];
        sums[l] = before[l] + ((square - q[l]) - part * part / (weight - w[l]));
      }
      for (size_t l = 0; l < count; ++l) {
        if (sums[l] < least) {
          least = sums[l];
          best = piece + l;
        }
      }
    }
    current_[end] = least;
    return best;
  }

  size_t items_, k_;
  std::vector<double> weight_, sum_, square_;
  std::vector<double> previous_, current_;
  std::vector<std::vector<uint32_t>> starts_;
};

}  // namespace

Partition BestPartition(std::span<const ValueMoments> prefix, size_t k) {
  return Program(prefix, k).Run();
}

}  // namespace lutra::converter::cluster
