#include "converter/budget/divide.h"

#include <algorithm>
#include <set>

#include "converter/data/spread.h"
#include "converter/error.h"
#include "converter/train/split.h"

namespace lutra::converter::budget {
namespace {

// Any does; the same one always divides alike.
constexpr uint64_t kSeed = 1;

}  // namespace

Parts Divide(const data::Dataset& data) {
  if (data.size() < 2) {
    throw Error(
        "a budget needs samples to calibrate on and others to choose on, but the data has " +
        std::to_string(data.size()));
  }
  const std::vector<size_t> spread = data::SpreadIndices(data.size(), kMostDivided);
  std::vector<int64_t> labels;
  for (const size_t i : spread) labels.push_back(data.labelled() ? data.Get(i).label : -1);
  // A label of one sample cannot be in both parts.
  if (2 * std::set<int64_t>(labels.begin(), labels.end()).size() > labels.size()) {
    std::ranges::fill(labels, -1);
  }
  const train::Split split = train::SplitSamples(labels, labels.size() / 2, kSeed);
  const auto in_data = [&](uint32_t i) { return spread[i]; };
  Parts parts;
  std::ranges::transform(split.training, std::back_inserter(parts.calibration), in_data);
  std::ranges::transform(split.validation, std::back_inserter(parts.held_out), in_data);
  return parts;
}

}  // namespace lutra::converter::budget
