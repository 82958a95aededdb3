#include "converter/quantize/data_check.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace lutra::converter::quantize {
namespace {

// Fewer samples rarely show the range of real data. (A hundred and more are usual.)
constexpr size_t kFewSamples = 8;
// A few samples that reach so many times as far as all others leave these less than a quarter of
// the 256 levels, that is six bits.
constexpr float kOutlier = 4;
// At most this part of the samples can be the odd ones.
constexpr double kMostOutliers = 0.1;
constexpr size_t kNamedOutliers = 3;
// Pixels between black and half of the brightest could also be counts of something.
constexpr float kBrightPixel = 128;
// Half of the samples stay below, or above, this. Pixels that are divided by 255 twice reach
// 0.0039; numbers in the ten thousands that are no counts are of another unit than any network's
// inputs.
constexpr float kTiny = 0.02F;
constexpr float kHuge = 1e4F;

const std::string kCure = "; give samples as the network will see them";

std::string Number(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", static_cast<double>(value));
  return text;
}

}  // namespace

float DataCheck::Extent::Magnitude() const { return std::max(std::fabs(low), std::fabs(high)); }

void DataCheck::AddSample(std::span<const float> input) {
  if (input.empty()) return;
  Extent extent{input[0], input[0]};
  for (const float x : input) {
    extent.low = std::min(extent.low, x);
    extent.high = std::max(extent.high, x);
    integers_ = integers_ && x == std::floor(x);
    bytes_ = bytes_ && integers_ && x >= 0 && x <= 255;
  }
  if (samples_.empty()) first_.assign(input.begin(), input.end());
  all_like_first_ = all_like_first_ && std::ranges::equal(input, first_);
  samples_.push_back(extent);
}

void DataCheck::Report(const data::Dataset& data, bool takes_bytes, Warnings& warnings) const {
  if (samples_.empty()) return;
  const float value = samples_[0].low;
  const auto is_constant = [](const Extent& e) { return e.low == e.high; };
  if (std::ranges::all_of(samples_, is_constant)) {
    if (std::ranges::all_of(samples_, [&](const Extent& e) { return e.low == value; })) {
      warnings.Add("all values of the calibration data are " + Number(value == 0 ? 0 : value) +
                   ", so no range can be read off it" + kCure);
    } else {
      warnings.Add("every sample of the calibration data is constant (one value throughout)" +
                   kCure);
    }
    return;
  }
  if (samples_.size() > 1 && all_like_first_) {
    warnings.Add("all " + std::to_string(samples_.size()) +
                 " samples of the calibration data are the same" + kCure);
  } else if (samples_.size() < kFewSamples) {
    warnings.Add("calibration with " + std::to_string(samples_.size()) +
                 (samples_.size() == 1 ? " sample" : " samples") +
                 " shows less than the range of real data; give a hundred or more");
  }
  const auto constant = static_cast<size_t>(std::ranges::count_if(samples_, is_constant));
  if (2 * constant >= samples_.size()) {
    warnings.Add(std::to_string(constant) + " of " + std::to_string(samples_.size()) +
                 " samples of the calibration data are constant (one value throughout)" + kCure);
  }
  ReportOutliers(data, warnings);
  ReportMagnitude(warnings);
  const bool bright = std::ranges::any_of(
      samples_, [](const Extent& extent) { return extent.high >= kBrightPixel; });
  if (bytes_ && bright && !takes_bytes && !data.normalization().stated) {
    warnings.Add(
        "the calibration data reaches the network as pixels of 0 to 255; if it was trained on "
        "scaled "
        "ones, give scale (0.00392157 is 1/255), mean and std, and if not, \"scale\": 1");
  }
}

void DataCheck::ReportMagnitude(Warnings& warnings) const {
  std::vector<float> reach;
  for (const Extent& extent : samples_) {
    if (extent.low < extent.high) reach.push_back(extent.Magnitude());
  }
  const auto middle = reach.begin() + static_cast<ptrdiff_t>(reach.size() / 2);
  std::ranges::nth_element(reach, middle);
  const bool tiny = *middle<kTiny, huge = *middle> kHuge && !integers_;
  if (!tiny && !huge) return;
  warnings.Add("half of the samples of the calibration data reach " +
               std::string(tiny ? "no farther than " : "beyond ") + Number(*middle) +
               ", and networks are seldom trained on values so " + (tiny ? "small" : "large") +
               "; check scale, mean and std");
}

void DataCheck::ReportOutliers(const data::Dataset& data, Warnings& warnings) const {
  std::vector<size_t> order(samples_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto reach = [&](size_t i) { return samples_[order[i]].Magnitude(); };
  std::ranges::stable_sort(
      order, [&](size_t a, size_t b) { return samples_[a].Magnitude() > samples_[b].Magnitude(); });
  const auto most = static_cast<size_t>(kMostOutliers * static_cast<double>(order.size()));
  // With one outlier there must be two that agree on the range of the others.
  for (size_t count = 1; count <= std::max<size_t>(1, most) && count + 2 <= order.size(); ++count) {
    if (!(reach(count) > 0 && reach(count - 1) > kOutlier * reach(count))) continue;
    std::string names;
    for (size_t i = 0; i < std::min(count, kNamedOutliers); ++i) {
      names += (i == 0 ? "" : ", ") + data.Get(order[i]).source;
    }
    if (count > kNamedOutliers) names += " and others";
    warnings.Add(names + ": " + (count == 1 ? "is an outlier that owns" : "are outliers that own") +
                 " the range of the calibration data: values up to " + Number(reach(0)) +
                 ", all other samples up to " + Number(reach(count)) +
                 "; leave it out, or use --calibrator percentile");
    return;
  }
}

}  // namespace lutra::converter::quantize
