#include "converter/quantize/histogram.h"

#include <algorithm>
#include <cmath>

#include "converter/error.h"

namespace lutra::converter::quantize {

void Histogram::Grow(double magnitude) {
  if (bins_.empty()) {
    bins_.assign(kBins, 0);
    // The smallest power of two above the magnitude; denormals need no finer bins.
    limit_ = std::exp2(std::floor(std::log2(std::max(magnitude, 1e-30))) + 1);
  }
  while (magnitude >= limit_) {
    // Bin pairs (2i, 2i + 1) of the old range become bin kBins / 4 + i of the doubled one.
    std::vector<uint64_t> merged(kBins, 0);
    for (size_t i = 0; i < kBins; ++i) merged[kBins / 4 + i / 2] += bins_[i];
    bins_.swap(merged);
    limit_ *= 2;
  }
  width_ = 2 * limit_ / static_cast<double>(kBins);
}

void Histogram::Add(std::span<const float> values) {
  if (values.empty()) return;
  float low = values[0], high = values[0];
  bool finite = true;
  for (const float v : values) {
    finite &= std::isfinite(v);
    low = std::min(low, v);
    high = std::max(high, v);
  }
  if (!finite) throw Error("a calibration value is NaN or infinite");
  min_ = count_ == 0 ? low : std::min(min_, low);
  max_ = count_ == 0 ? high : std::max(max_, high);
  count_ += values.size();
  const double magnitude =
      std::max(std::fabs(static_cast<double>(low)), std::fabs(static_cast<double>(high)));
  if (bins_.empty() || magnitude >= limit_) Grow(magnitude);
  const double inverse = 1.0 / width_;
  for (const float v : values) {
    if (v == 0.0F) {
      ++zeros_;
    } else {
      ++bins_[std::min(static_cast<size_t>((v + limit_) * inverse), kBins - 1)];
    }
  }
}

}  // namespace lutra::converter::quantize
