#include "converter/train/split.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "converter/error.h"
#include "converter/train/random.h"

namespace lutra::converter::train {
namespace {

struct Stratum {
  std::vector<uint32_t> samples;
  size_t taken = 0;
  uint64_t remainder = 0;

  bool CanGive() const { return taken + 1 < samples.size(); }
};

}  // namespace

size_t ValidationCount(double share, size_t total) {
  const double count = std::round(share < 1 ? share * static_cast<double>(total) : share);
  if (!(count >= 0 && count < static_cast<double>(total))) {
    throw Error("the validation part must leave something of the " + std::to_string(total) +
                " samples to train on; give a part from 0 to 1, or a number below " +
                std::to_string(total));
  }
  return static_cast<size_t>(count);
}

Split SplitSamples(std::span<const int64_t> labels, size_t validation, uint64_t seed) {
  std::map<int64_t, Stratum> strata;
  for (size_t i = 0; i < labels.size(); ++i) {
    strata[labels[i]].samples.push_back(static_cast<uint32_t>(i));
  }
  std::vector<Stratum*> by_remainder;
  size_t missing = validation;
  for (auto& [label, stratum] : strata) {
    const uint64_t share = uint64_t{validation} * stratum.samples.size();
    stratum.taken = std::min<size_t>(share / labels.size(), stratum.samples.size() - 1);
    stratum.remainder = share % labels.size();
    missing -= stratum.taken;
    by_remainder.push_back(&stratum);
  }
  std::ranges::stable_sort(by_remainder, std::ranges::greater{}, &Stratum::remainder);
  for (bool given = true; missing > 0 && given;) {
    given = false;
    for (Stratum* stratum : by_remainder) {
      if (missing == 0 || !stratum->CanGive()) continue;
      ++stratum->taken;
      --missing;
      given = true;
    }
  }
  Split split;
  size_t index = 0;
  for (auto& [label, stratum] : strata) {
    Random(seed, Purpose::split, 0, index++).Shuffle(std::span(stratum.samples));
    const auto middle = stratum.samples.begin() + static_cast<std::ptrdiff_t>(stratum.taken);
    split.validation.insert(split.validation.end(), stratum.samples.begin(), middle);
    split.training.insert(split.training.end(), middle, stratum.samples.end());
  }
  if (validation > 0 && split.validation.empty()) {
    throw Error(
        "no label has two samples, so none can be set apart for validation; give more data");
  }
  std::ranges::sort(split.training);
  std::ranges::sort(split.validation);
  return split;
}

}  // namespace lutra::converter::train
