#include "converter/archive/codebook.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>

#include "converter/archive/values.h"
#include "converter/cluster/kmeans.h"
#include "converter/error.h"

namespace lutra::converter::archive {
namespace {

/// The distinct values but zero, ascending, when there are at most `most`.
std::optional<std::vector<double>> FewValues(std::span<const double> values, size_t most) {
  std::set<double> distinct;
  for (const double value : values) {
    if (value == 0) continue;
    distinct.insert(value);
    if (distinct.size() > most) return std::nullopt;
  }
  return std::vector<double>(distinct.begin(), distinct.end());
}

std::vector<uint8_t> TableOf(DataType type, std::span<const double> entries) {
  const Tensor table = FromValues(type, {static_cast<int64_t>(entries.size())}, entries);
  const auto* bytes = reinterpret_cast<const uint8_t*>(table.bytes().data());
  return {bytes, bytes + table.bytes().size()};
}

std::vector<double> Centroids(const std::vector<float>& values, ArchiveEntry& entry,
                              std::vector<uint16_t>& parameters) {
  const cluster::SortedValues sorted = cluster::SortDistinct(
      values, entry.pruned ? cluster::Zeros::leave_out : cluster::Zeros::keep);
  const cluster::Clustering clustering = cluster::KMeans(sorted, size_t{1} << entry.format.bits);
  double largest = 0;
  for (const double centroid : clustering.centroids) {
    largest = std::max(largest, std::fabs(centroid));
  }
  entry.scale_exponent = ExponentFor(largest);
  std::vector<double> centroids;
  for (const double centroid : clustering.centroids) {
    const uint16_t half = ToFloat16(std::ldexp(centroid, entry.scale_exponent)).bits;
    const double stored = std::ldexp(HalfValue(half), -entry.scale_exponent);
    if (!centroids.empty() && stored == centroids.back()) continue;
    parameters.push_back(half);
    centroids.push_back(stored);
  }
  return centroids;
}

}  // namespace

void QuantizeCodebook(std::span<const double> values, ArchiveEntry& entry,
                      std::vector<uint16_t>& parameters, std::vector<uint16_t>& symbols) {
  parameters.clear();
  symbols.assign(values.size(), 0);
  entry.pruned = std::ranges::find(values, 0.0) != values.end();
  const uint16_t first = entry.pruned ? 1 : 0;
  const std::optional<std::vector<double>> few = FewValues(values, size_t{1} << entry.format.bits);
  entry.exact = few.has_value();
  if (few) {
    entry.entries = few->size();
    entry.table = TableOf(entry.type, *few);
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i] == 0) continue;
      const auto at = std::ranges::lower_bound(*few, values[i]) - few->begin();
      symbols[i] = static_cast<uint16_t>(first + at);
    }
    return;
  }
  const std::vector<float> floats(values.begin(), values.end());
  const std::vector<double> centroids = Centroids(floats, entry, parameters);
  entry.entries = centroids.size();
  const std::vector<uint16_t> nearest = cluster::NearestCentroids(floats, centroids);
  for (size_t i = 0; i < values.size(); ++i) {
    const bool zero = entry.pruned && values[i] == 0;
    symbols[i] = zero ? uint16_t{0} : static_cast<uint16_t>(first + nearest[i]);
  }
}

std::vector<double> DequantizeCodebook(const ArchiveEntry& entry,
                                       std::span<const uint16_t> parameters,
                                       std::span<const uint16_t> symbols) {
  std::vector<double> codebook;
  if (entry.pruned) codebook.push_back(0);
  if (entry.exact) {
    Tensor table(entry.type, {static_cast<int64_t>(entry.entries)});
    if (!entry.table.empty()) {
      std::memcpy(table.bytes().data(), entry.table.data(), entry.table.size());
    }
    const std::vector<double> entries = ToValues(table);
    codebook.insert(codebook.end(), entries.begin(), entries.end());
  } else {
    for (const uint16_t half : parameters) {
      codebook.push_back(std::ldexp(HalfValue(half), -entry.scale_exponent));
    }
  }
  std::vector<double> values(symbols.size());
  for (size_t i = 0; i < symbols.size(); ++i) {
    if (symbols[i] >= codebook.size()) throw Error("an index past its codebook");
    values[i] = codebook[symbols[i]];
  }
  return values;
}

}  // namespace lutra::converter::archive
