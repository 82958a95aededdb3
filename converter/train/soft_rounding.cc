#include "converter/train/soft_rounding.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lutra::converter::train {
namespace {

// How far the sigmoid reaches beyond 0 and 1, so that these are reached at all.
constexpr float kBelow = -0.1F, kAbove = 1.1F;
// How far from the level that was chosen before a weight begins, in parts of the way to the other.
constexpr float kFromLevel = 0.25F;
// Where h is 0 or 1 no gradient comes back: real weights on a level, or beyond both, begin so near.
constexpr float kNearEnd = 0.02F;

float Sigmoid(float v) { return 1 / (1 + std::exp(-v)); }

float Share(float v) { return std::clamp(Sigmoid(v) * (kAbove - kBelow) + kBelow, 0.0F, 1.0F); }

/// The derivative of Share.
float Slope(float v) {
  const float s = Sigmoid(v), h = s * (kAbove - kBelow) + kBelow;
  return h <= 0 || h >= 1 ? 0 : s * (1 - s) * (kAbove - kBelow);
}

/// v with Share(v) = h.
float LatentOf(float h) {
  const float s = (h - kBelow) / (kAbove - kBelow);
  return std::log(s / (1 - s));
}

/// The level next to `level` upwards or downwards; itself at the end.
int NextLevel(const quantize::QuantizedWeights& weights, size_t channel, int level, bool up) {
  if (weights.tables.empty()) {
    const LinearLevels levels = LevelsOf(weights.bits, !weights.zero_point.empty());
    return std::clamp(level + (up ? 1 : -1), levels.lowest, levels.highest);
  }
  int next = level;
  for (const int8_t entry : weights.Table(channel)) {
    if (up ? entry > level && (next == level || entry < next)
           : entry < level && (next == level || entry > next)) {
      next = entry;
    }
  }
  return next;
}

}  // namespace

SoftRounding::SoftRounding(const quantize::WeightMatrix& real,
                           const quantize::QuantizedWeights& before, std::vector<size_t> order)
    : order_(std::move(order)),
      low_(order_.size()),
      high_(order_.size()),
      low_level_(order_.size()),
      high_level_(order_.size()),
      first_level_(order_.size()),
      real_(order_.size()),
      latents_(order_.size()) {
  for (size_t e = 0; e < order_.size(); ++e) {
    const size_t n = e / before.k, i = order_[e];
    const float scale = before.ScaleAt(n, e % before.k), w = real.values[e];
    const int zero_point = before.ZeroPoint(n);
    const int level = before.values[e];
    const auto value = [&](int of) { return scale * static_cast<float>(of - zero_point); };
    const bool pruned = w == 0 && level == zero_point;
    const bool up = w >= value(level);
    const int next = pruned ? level : NextLevel(before, n, level, up);
    const auto [low, high] = std::minmax(level, next);
    low_level_[i] = static_cast<int8_t>(low);
    high_level_[i] = static_cast<int8_t>(high);
    low_[i] = value(low);
    high_[i] = value(high);
    first_level_[i] = static_cast<int8_t>(level);
    real_[i] = w;
  }
  Begin(Start::rounding);
}

void SoftRounding::Begin(Start start) {
  for (size_t i = 0; i < latents_.size(); ++i) {
    if (low_level_[i] == high_level_[i]) {
      latents_[i] = 0;
      continue;
    }
    float share = first_level_[i] == high_level_[i] ? 1 - kFromLevel : kFromLevel;
    if (start == Start::weight) {
      share = std::clamp((real_[i] - low_[i]) / (high_[i] - low_[i]), kNearEnd, 1 - kNearEnd);
    }
    latents_[i] = LatentOf(share);
  }
}

void SoftRounding::Soft(std::span<float> weights) const {
  for (size_t i = 0; i < latents_.size(); ++i) {
    weights[i] = low_[i] + (high_[i] - low_[i]) * Share(latents_[i]);
  }
}

void SoftRounding::Hard(std::span<float> weights) const {
  for (size_t i = 0; i < latents_.size(); ++i) weights[i] = IsUp(i) ? high_[i] : low_[i];
}

std::vector<int8_t> SoftRounding::Levels() const {
  std::vector<int8_t> levels;
  levels.reserve(order_.size());
  for (const size_t i : order_) levels.push_back(IsUp(i) ? high_level_[i] : low_level_[i]);
  return levels;
}

void SoftRounding::Backward(std::span<float> gradient) const {
  for (size_t i = 0; i < latents_.size(); ++i) {
    gradient[i] *= (high_[i] - low_[i]) * Slope(latents_[i]);
  }
}

void SoftRounding::AddRegularizer(double beta, double factor, std::span<float> gradient) const {
  for (size_t i = 0; i < latents_.size(); ++i) {
    if (low_level_[i] == high_level_[i]) continue;
    const float slope = Slope(latents_[i]);
    if (slope == 0) continue;
    const double middle = 2 * static_cast<double>(Share(latents_[i])) - 1;  // -1 to 1
    const double by_share =
        -2 * beta * std::pow(std::fabs(middle), beta - 1) * (middle < 0 ? -1.0 : 1.0);
    gradient[i] += static_cast<float>(factor * by_share) * slope;
  }
}

}  // namespace lutra::converter::train
