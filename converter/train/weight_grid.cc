#include "converter/train/weight_grid.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace lutra::converter::train {
namespace {

constexpr int kMost = 127;
constexpr float kLeastScale = 1e-3F;  // of the scale before

}  // namespace

WeightGrid WeightGrid::Linear(int highest, std::vector<float> scale) {
  WeightGrid grid;
  grid.table_channels_ = std::max<size_t>(1, scale.size());
  grid.scale_ = std::move(scale);
  grid.tables_.resize(1);
  for (int level = -highest; level <= highest; ++level) {
    grid.tables_[0].entries.push_back(static_cast<int8_t>(level));
  }
  grid.FillNearest();
  return grid;
}

WeightGrid WeightGrid::Codebook(std::span<const int8_t> tables, size_t table_channels,
                                std::vector<float> scale) {
  WeightGrid grid;
  grid.linear_ = false;
  grid.table_channels_ = table_channels;
  const size_t count = (scale.size() + table_channels - 1) / table_channels;
  grid.scale_ = std::move(scale);
  grid.tables_.resize(count);
  const size_t entries = tables.size() / count;
  for (size_t t = 0; t < count; ++t) {
    const auto table = tables.subspan(t * entries, entries);
    grid.tables_[t].entries.assign(table.begin(), table.end());
    grid.entries_.insert(grid.entries_.end(), table.begin(), table.end());
  }
  grid.FillNearest();
  return grid;
}

std::span<const int8_t> WeightGrid::Table(size_t channel) const { return TableOf(channel).entries; }

void WeightGrid::SetScale(std::span<const float> scale) {
  for (size_t c = 0; c < scale_.size(); ++c)
    scale_[c] = std::max(scale[c], kLeastScale * scale_[c]);
}

void WeightGrid::SetEntries(std::span<const float> entries) {
  entries_.assign(entries.begin(), entries.end());
  size_t at = 0;
  for (Lookup& table : tables_) {
    for (int8_t& entry : table.entries) {
      // A learned zero may lie on either side of 0; an executed one is what pruning relies on.
      entry = static_cast<int8_t>(
          std::clamp(std::nearbyint(entries[at++]), -static_cast<float>(kMost), float{kMost}));
    }
  }
  FillNearest();
}

void WeightGrid::Restore(std::vector<float> scale, std::span<const float> entries) {
  scale_ = std::move(scale);
  if (!linear_) SetEntries(entries);
}

size_t WeightGrid::Half(float x) {
  const float half = std::floor(2 * x) + kHalves / 2;
  return static_cast<size_t>(std::clamp(half, 0.0F, static_cast<float>(kHalves - 1)));
}

void WeightGrid::FillNearest() {
  for (Lookup& table : tables_) {
    const auto [lowest, highest] = std::ranges::minmax(table.entries);
    table.lowest = lowest;
    table.highest = highest;
    for (int half = 0; half < kHalves; ++half) {
      // Twice the middle of the half, so that all is exact in integers.
      const int twice = half - kHalves / 2;
      const auto distance = [&](int8_t entry) { return std::abs(4 * entry - (2 * twice + 1)); };
      size_t best = 0;
      for (size_t i = 1; i < table.entries.size(); ++i) {
        if (distance(table.entries[i]) < distance(table.entries[best])) best = i;
      }
      table.nearest[static_cast<size_t>(half)] = static_cast<uint8_t>(best);
    }
  }
}

int8_t WeightGrid::Nearest(size_t channel, float x) const {
  const Lookup& table = TableOf(channel);
  return table.entries[table.nearest[Half(x)]];
}

void WeightGrid::Apply(std::span<const float> latent, ChannelAxis axis,
                       std::span<float> weight) const {
  axis.ForEach(latent.size(), [&](size_t i, size_t channel) {
    const float scale = scale_[channel];
    weight[i] = scale * static_cast<float>(Nearest(channel, latent[i] / scale));
  });
}

WeightGrid::Gradients WeightGrid::Backward(std::span<const float> latent, ChannelAxis axis,
                                           std::span<float> gradient) const {
  std::vector<double> by_scale(scale_.size()), by_entry(entries_.size());
  const size_t per_table = entries_.empty() ? 0 : tables_[0].entries.size();
  axis.ForEach(latent.size(), [&](size_t i, size_t channel) {
    const Lookup& table = TableOf(channel);
    const float x = latent[i] / scale_[channel];
    const size_t entry = table.nearest[Half(x)];
    const bool inside = x >= table.lowest && x <= table.highest;
    const float level = table.entries[entry];
    by_scale[channel] += static_cast<double>(gradient[i] * (inside ? level - x : level));
    if (!linear_) {
      by_entry[channel / table_channels_ * per_table + entry] +=
          static_cast<double>(gradient[i] * scale_[channel]);
    }
    if (!inside) gradient[i] = 0;
  });
  Gradients result;
  for (const double g : by_scale) result.scale.push_back(static_cast<float>(g));
  for (size_t e = 0; e < by_entry.size(); ++e) {
    const bool zero = tables_[e / per_table].entries[e % per_table] == 0;
    result.entries.push_back(zero ? 0.0F : static_cast<float>(by_entry[e]));
  }
  return result;
}

}  // namespace lutra::converter::train
