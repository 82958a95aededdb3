#include "converter/archive/linear.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "converter/archive/values.h"
#include "converter/linear_level.h"

namespace lutra::converter::archive {
namespace {

// Minimums become float32 when halves would make some step this much coarser: where the values of
// a group lie close together and far from zero.
constexpr double kMostCoarsening = 1.0625;

struct Group {
  size_t begin, end;
};

/// Groups lie within rows and are in file order; the last one of a row may be shorter.
std::vector<Group> GroupsOf(const ArchiveEntry& entry) {
  const bool whole = entry.format.granularity == Granularity::tensor;
  const size_t rows = whole ? 1 : entry.rows();
  const size_t columns = whole ? entry.elements() : entry.columns();
  const size_t step = entry.format.ScaleElements(entry.rows(), entry.columns());
  std::vector<Group> groups;
  groups.reserve(entry.groups());
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < columns; column += step) {
      groups.push_back({row * columns + column, row * columns + std::min(columns, column + step)});
    }
  }
  return groups;
}

/// Scales as halves, at least `ideal` each; returns the shared exponent.
int StoreScales(std::span<const double> ideal, std::vector<uint16_t>& scales) {
  const int exponent = ExponentFor(*std::ranges::max_element(ideal));
  for (const double scale : ideal) scales.push_back(HalfAtLeast(std::ldexp(scale, exponent)));
  return exponent;
}

std::vector<double> LoadScales(std::span<const uint16_t> halves, int exponent) {
  std::vector<double> scales;
  for (const uint16_t half : halves) scales.push_back(std::ldexp(HalfValue(half), -exponent));
  return scales;
}

/// A group of zeros has the scale 0.
uint16_t Symbol(double value, double scale, LinearLevels levels) {
  return static_cast<uint16_t>(scale == 0 ? 0 : NearestLevel(value, scale, 0, levels));
}

void QuantizeSymmetric(std::span<const double> values, ArchiveEntry& entry,
                       std::vector<uint16_t>& parameters, std::vector<uint16_t>& symbols) {
  const LinearLevels levels = LevelsOf(entry.format.bits, false);
  const std::vector<Group> groups = GroupsOf(entry);
  std::vector<double> ideal;
  for (const Group& group : groups) {
    double largest = 0;
    for (size_t i = group.begin; i < group.end; ++i) {
      largest = std::max(largest, std::fabs(values[i]));
    }
    ideal.push_back(largest / levels.highest);
  }
  entry.scale_exponent = StoreScales(ideal, parameters);
  const std::vector<double> scales = LoadScales(parameters, entry.scale_exponent);
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = groups[g].begin; i < groups[g].end; ++i) {
      symbols[i] = Symbol(values[i], scales[g], levels);
    }
  }
}

struct Range {
  double least, most;
};

std::vector<double> IdealScales(std::span<const Range> ranges, std::span<const double> minimums,
                                double steps) {
  std::vector<double> ideal;
  for (size_t g = 0; g < ranges.size(); ++g) {
    ideal.push_back(ranges[g].most / steps - minimums[g] / steps);
  }
  return ideal;
}

/// The largest float32 at most `value`.
float FloatAtMost(double value) {
  const auto nearest = static_cast<float>(value);
  return static_cast<double>(nearest) > value
             ? std::nextafter(nearest, -std::numeric_limits<float>::infinity())
             : nearest;
}

/// Stores minimums as halves, or as two times 16 bits of float32 (all low ones first).
void StoreMinimums(std::span<const Range> ranges, double steps, ArchiveEntry& entry,
                   std::vector<uint16_t>& stored, std::vector<double>& minimums) {
  double largest = 0;
  for (const Range& range : ranges) largest = std::max(largest, std::fabs(range.least));
  entry.minimum_exponent = ExponentFor(largest);
  bool coarse = false;
  for (const Range& range : ranges) {
    stored.push_back(HalfAtMost(std::ldexp(range.least, entry.minimum_exponent)));
    minimums.push_back(std::ldexp(HalfValue(stored.back()), -entry.minimum_exponent));
    const double ideal = range.most / steps - range.least / steps;
    coarse |= range.most / steps - minimums.back() / steps > kMostCoarsening * ideal && ideal > 0;
  }
  entry.wide_minimums = coarse && largest <= 0x1p126;
  if (!entry.wide_minimums) return;
  entry.minimum_exponent = 0;
  const size_t count = ranges.size();
  stored.resize(2 * count);
  for (size_t g = 0; g < count; ++g) {
    const float minimum = FloatAtMost(ranges[g].least);
    const auto bits = std::bit_cast<uint32_t>(minimum);
    stored[g] = static_cast<uint16_t>(bits);
    stored[count + g] = static_cast<uint16_t>(bits >> 16);
    minimums[g] = static_cast<double>(minimum);
  }
}

std::vector<double> LoadMinimums(const ArchiveEntry& entry, std::span<const uint16_t> stored) {
  if (!entry.wide_minimums) return LoadScales(stored, entry.minimum_exponent);
  std::vector<double> minimums;
  const size_t count = stored.size() / 2;
  for (size_t g = 0; g < count; ++g) {
    const uint32_t bits = stored[g] | static_cast<uint32_t>(stored[count + g]) << 16;
    minimums.push_back(static_cast<double>(std::bit_cast<float>(bits)));
  }
  return minimums;
}

void QuantizeAsymmetric(std::span<const double> values, ArchiveEntry& entry,
                        std::vector<uint16_t>& parameters, std::vector<uint16_t>& symbols) {
  const int steps = (1 << entry.format.bits) - 1;
  const std::vector<Group> groups = GroupsOf(entry);
  std::vector<Range> ranges;
  for (const Group& group : groups) {
    const auto [least, most] =
        std::minmax_element(values.begin() + static_cast<ptrdiff_t>(group.begin),
                            values.begin() + static_cast<ptrdiff_t>(group.end));
    ranges.push_back({*least, *most});
  }
  std::vector<uint16_t> stored;
  std::vector<double> minimums;
  StoreMinimums(ranges, steps, entry, stored, minimums);
  entry.scale_exponent = StoreScales(IdealScales(ranges, minimums, steps), parameters);
  const std::vector<double> scales = LoadScales(parameters, entry.scale_exponent);
  parameters.insert(parameters.end(), stored.begin(), stored.end());
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = groups[g].begin; i < groups[g].end; ++i) {
      symbols[i] = Symbol(values[i] - minimums[g], scales[g], {0, steps});
    }
  }
}

}  // namespace

void QuantizeLinear(std::span<const double> values, ArchiveEntry& entry,
                    std::vector<uint16_t>& parameters, std::vector<uint16_t>& symbols) {
  parameters.clear();
  symbols.resize(values.size());
  if (entry.format.asymmetric) {
    QuantizeAsymmetric(values, entry, parameters, symbols);
  } else {
    QuantizeSymmetric(values, entry, parameters, symbols);
  }
}

std::vector<double> DequantizeLinear(const ArchiveEntry& entry,
                                     std::span<const uint16_t> parameters,
                                     std::span<const uint16_t> symbols) {
  const std::vector<Group> groups = GroupsOf(entry);
  const std::vector<double> scales =
      LoadScales(parameters.subspan(0, groups.size()), entry.scale_exponent);
  std::vector<double> minimums(groups.size());
  if (entry.format.asymmetric) minimums = LoadMinimums(entry, parameters.subspan(groups.size()));
  std::vector<double> values(symbols.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = groups[g].begin; i < groups[g].end; ++i) {
      const double q = entry.format.asymmetric
                           ? static_cast<double>(symbols[i])
                           : static_cast<double>(static_cast<int16_t>(symbols[i]));
      values[i] = minimums[g] + scales[g] * q;
    }
  }
  return values;
}

}  // namespace lutra::converter::archive
