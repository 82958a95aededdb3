// Statistics over a series of times: the line of TFLite's benchmark_model, and percentiles.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lutra::tools {

class Timings {
 public:
  void Add(uint64_t ns) { ns_.push_back(ns); }
  bool empty() const { return ns_.empty(); }
  size_t count() const { return ns_.size(); }
  double FirstUs() const;
  double MinUs() const;
  double MaxUs() const;
  double AverageUs() const;
  double DeviationUs() const;  ///< population standard deviation
  double SumUs() const;
  /// Nearest rank: the smallest time that at least `percent` of all do not exceed. 0 when empty.
  double PercentileUs(double percent) const;
  /// "count=50 first=12 curr=11 min=10 max=13 avg=11.2 std=0", in whole microseconds but avg.
  std::string Line() const;

 private:
  std::vector<uint64_t> ns_;
};

}  // namespace lutra::tools
