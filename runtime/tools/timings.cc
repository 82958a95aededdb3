#include "runtime/tools/timings.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace lutra::tools {
namespace {

double Us(uint64_t ns) { return static_cast<double>(ns) / 1000.0; }

}  // namespace

double Timings::FirstUs() const { return ns_.empty() ? 0 : Us(ns_.front()); }

double Timings::MinUs() const {
  return ns_.empty() ? 0 : Us(*std::min_element(ns_.begin(), ns_.end()));
}

double Timings::MaxUs() const {
  return ns_.empty() ? 0 : Us(*std::max_element(ns_.begin(), ns_.end()));
}

double Timings::SumUs() const {
  double sum = 0;
  for (const uint64_t ns : ns_) sum += Us(ns);
  return sum;
}

double Timings::AverageUs() const {
  return ns_.empty() ? 0 : SumUs() / static_cast<double>(ns_.size());
}

double Timings::DeviationUs() const {
  if (ns_.empty()) return 0;
  const double average = AverageUs();
  double squares = 0;
  for (const uint64_t ns : ns_) squares += (Us(ns) - average) * (Us(ns) - average);
  return std::sqrt(squares / static_cast<double>(ns_.size()));
}

double Timings::PercentileUs(double percent) const {
  if (ns_.empty()) return 0;
  std::vector<uint64_t> sorted = ns_;
  std::sort(sorted.begin(), sorted.end());
  const double rank = std::ceil(percent / 100.0 * static_cast<double>(sorted.size()));
  return Us(sorted[static_cast<size_t>(std::max(rank, 1.0)) - 1]);
}

std::string Timings::Line() const {
  if (ns_.empty()) return "count=0";
  char line[200];
  std::snprintf(line, sizeof line,
                "count=%zu first=%.0f curr=%.0f min=%.0f max=%.0f avg=%.6g std=%.0f", count(),
                FirstUs(), Us(ns_.back()), MinUs(), MaxUs(), AverageUs(), DeviationUs());
  return line;
}

}  // namespace lutra::tools
