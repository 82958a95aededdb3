#include "converter/cluster/integer_codebook.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lutra::converter::cluster {
namespace {

constexpr int kLargestEntry = 127;

size_t HalfStepOf(double value, int highest) {
  const double last = 4 * highest - 1;
  return static_cast<size_t>(std::clamp(std::floor(2 * value) + 2 * highest, 0.0, last));
}

// Integers from 0 up, over the moments of the half steps there: entries e_1 < e_2 < ... < e_j, of
// which e_1 is 0 or free. Cost(j) is the least cost of the values with j entries.
class Line {
 public:
  Line(std::vector<ValueMoments> cells, size_t entries, ZeroEntry first)
      : prefix_(1), steps_(cells.size() / 2), most_(std::min(entries, steps_ + 1)) {
    for (const ValueMoments& cell : cells) {
      const ValueMoments& last = prefix_.back();
      prefix_.push_back(
          {last.weight + cell.weight, last.sum + cell.sum, last.square + cell.square});
    }
    Solve(first);
  }

  size_t most() const { return most_; }
  double Cost(size_t entries) const { return least_[entries - 1]; }
  /// Ascending.
  std::vector<int> Entries(size_t entries) const {
    std::vector<int> chosen;
    size_t at = last_[entries - 1];
    for (size_t j = entries; j > 0; --j) {
      chosen.push_back(static_cast<int>(at));
      at = before_[j - 1][at];
    }
    std::ranges::reverse(chosen);
    return chosen;
  }

 private:
  // Of the values in half steps from .. to - 1, rounded to entry.
  double Segment(size_t from, size_t to, size_t entry) const {
    const ValueMoments inside = prefix_[to] - prefix_[from];
    const double c = static_cast<double>(entry);
    return inside.square - 2 * c * inside.sum + c * c * inside.weight;
  }
  double Between(size_t a, size_t b) const {
    return Segment(2 * a, a + b, a) + Segment(a + b, 2 * b, b);
  }

  void Solve(ZeroEntry first) {
    constexpr double kNone = std::numeric_limits<double>::infinity();
    std::vector<double> cost(steps_ + 1, kNone);  // up to the last entry, by that entry
    cost[0] = 0;
    for (size_t b = 1; first == ZeroEntry::free && b <= steps_; ++b) cost[b] = Segment(0, 2 * b, b);
    for (size_t j = 1; j <= most_; ++j) {
      before_.emplace_back(steps_ + 1, 0);
      if (j > 1) Extend(cost);
      double least = kNone;
      size_t last = 0;
      for (size_t b = 0; b <= steps_; ++b) {
        const double total = cost[b] + Segment(2 * b, 2 * steps_, b);
        if (total < least) {
          least = total;
          last = b;
        }
      }
      least_.push_back(least);
      last_.push_back(last);
    }
  }

  void Extend(std::vector<double>& cost) {
    std::vector<double> next(cost.size(), std::numeric_limits<double>::infinity());
    for (size_t b = 1; b < cost.size(); ++b) {
      for (size_t a = 0; a < b; ++a) {
        if (cost[a] == std::numeric_limits<double>::infinity()) continue;
        const double total = cost[a] + Between(a, b);
        if (total < next[b]) {
          next[b] = total;
          before_.back()[b] = a;
        }
      }
    }
    cost.swap(next);
  }

  std::vector<ValueMoments> prefix_;
  size_t steps_, most_;
  std::vector<double> least_;
  std::vector<size_t> last_;
  std::vector<std::vector<size_t>> before_;
};

}  // namespace

void HalfSteps::Add(double value, double weight) {
  cells_[HalfStepOf(value, highest_)].Add(value, weight);
}

namespace {

// 0 is an entry: the two sides of it are independent but for how many entries each has.
std::vector<int8_t> BestAroundZero(const HalfSteps& values, size_t entries) {
  const std::vector<ValueMoments>& cells = values.cells();
  const auto middle = cells.begin() + static_cast<ptrdiff_t>(cells.size() / 2);
  std::vector<ValueMoments> below;
  for (auto cell = middle; cell != cells.begin();) {
    --cell;
    below.push_back({cell->weight, -cell->sum, cell->square});
  }
  const Line negative(std::move(below), entries, ZeroEntry::kept);
  const Line positive({middle, cells.end()}, entries, ZeroEntry::kept);
  // 0 is an entry of both sides.
  size_t best = 1;
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 1; i <= negative.most(); ++i) {
    const size_t j = std::min(entries + 1 - i, positive.most());
    const double total = negative.Cost(i) + positive.Cost(j);
    // Of equals the one with more entries: values rounded later may want them.
    if (total <= least) {
      least = total;
      best = i;
    }
  }
  std::vector<int8_t> codebook;
  for (const int entry : negative.Entries(best)) codebook.push_back(static_cast<int8_t>(-entry));
  std::ranges::reverse(codebook);
  codebook.pop_back();
  for (const int entry : positive.Entries(std::min(entries + 1 - best, positive.most()))) {
    codebook.push_back(static_cast<int8_t>(entry));
  }
  return codebook;
}

// All integers on one line that begins at -highest: values are counted from there.
std::vector<int8_t> BestAnywhere(const HalfSteps& values, size_t entries) {
  const double shift = values.highest();
  std::vector<ValueMoments> cells;
  for (const ValueMoments& cell : values.cells()) {
    cells.push_back({cell.weight, cell.sum + shift * cell.weight,
                     cell.square + 2 * shift * cell.sum + shift * shift * cell.weight});
  }
  const Line line(std::move(cells), entries, ZeroEntry::free);
  std::vector<int8_t> codebook;
  for (const int entry : line.Entries(line.most())) {
    codebook.push_back(static_cast<int8_t>(entry - values.highest()));
  }
  return codebook;
}

}  // namespace

std::vector<int8_t> BestIntegerCodebook(const HalfSteps& values, size_t entries, ZeroEntry zero) {
  return zero == ZeroEntry::kept ? BestAroundZero(values, entries) : BestAnywhere(values, entries);
}

NearestEntry::NearestEntry(std::span<const int8_t> entries) {
  size_t at = 0;
  for (int half = -2 * kLargestEntry; half < 2 * kLargestEntry; ++half) {
    // The border to the next entry is (a + b) / 2, in half steps a + b.
    while (at + 1 < entries.size() && entries[at] + entries[at + 1] <= half) ++at;
    nearest_.push_back(entries[at]);
  }
}

int8_t NearestEntry::operator()(double value) const {
  return nearest_[HalfStepOf(value, kLargestEntry)];
}

}  // namespace lutra::converter::cluster
