#include "converter/train/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "converter/error.h"
#include "converter/executor/normalize.h"

namespace lutra::converter::train {
namespace {

/// Rows that are summed in float32 before their sum goes to double: fast, and as exact as needed.
constexpr int64_t kRowsInFloat = 32;

/// Adds first(i), second(i) of every element i of a channel to the channel's two sums.
template <typename Terms>
ChannelSums SumChannels(const ChannelView& view, const Terms& terms) {
  const auto channels = static_cast<size_t>(view.channels);
  ChannelSums sums{std::vector<double>(channels), std::vector<double>(channels), view.PerChannel()};
  std::vector<float> first(channels), second(channels);
  const auto flush = [&] {
    for (size_t c = 0; c < channels; ++c) {
      sums.first[c] += static_cast<double>(first[c]);
      sums.second[c] += static_cast<double>(second[c]);
    }
    std::ranges::fill(first, 0.0F);
    std::ranges::fill(second, 0.0F);
  };
  size_t at = 0;
  if (view.inner == 1) {
    for (int64_t row = 0; row < view.outer; ++row) {
      for (size_t c = 0; c < channels; ++c, ++at) terms(at, c, first[c], second[c]);
      if (row % kRowsInFloat == kRowsInFloat - 1) flush();
    }
  } else {
    for (int64_t row = 0; row < view.outer; ++row) {
      for (size_t c = 0; c < channels; ++c) {
        for (int64_t i = 0; i < view.inner; ++i, ++at) {
          terms(at, c, first[c], second[c]);
          if (i % kRowsInFloat == kRowsInFloat - 1) {
            sums.first[c] += static_cast<double>(std::exchange(first[c], 0.0F));
            sums.second[c] += static_cast<double>(std::exchange(second[c], 0.0F));
          }
        }
      }
      flush();
    }
  }
  flush();
  return sums;
}

}  // namespace

ChannelView ChannelView::Of(const Node& node, const Tensor& x) {
  if (x.rank() == 0) throw Error("the input is a scalar");
  const std::vector<int64_t>& dims = x.dims();
  const size_t axis = dims.size() == 1 ? 0 : node.layout == Layout::nhwc ? dims.size() - 1 : 1;
  ChannelView view;
  for (size_t i = 0; i < dims.size(); ++i) {
    (i < axis ? view.outer : i == axis ? view.channels : view.inner) *= dims[i];
  }
  return view;
}

void ChannelSums::Add(const ChannelSums& other) {
  for (size_t c = 0; c < first.size(); ++c) {
    first[c] += other.first[c];
    second[c] += other.second[c];
  }
  count += other.count;
}

std::vector<float> Pivots(const Tensor& x, const ChannelView& view) {
  std::vector<float> pivot;
  const auto values = x.as<float>();
  for (int64_t c = 0; c < view.channels; ++c) {
    pivot.push_back(values[static_cast<size_t>(c * view.inner)]);
  }
  return pivot;
}

ChannelSums MomentSums(const Tensor& x, const ChannelView& view, std::span<const float> pivot) {
  const float* const values = x.as<float>().data();
  const float* const pivots = pivot.data();
  return SumChannels(view, [=](size_t at, size_t c, float& first, float& second) {
    const float d = values[at] - pivots[c];
    first += d;
    second += d * d;
  });
}

Statistics CombineMoments(const ChannelSums& sums, std::span<const float> pivot, double epsilon) {
  Statistics result;
  result.count = sums.count;
  const auto n = static_cast<double>(sums.count);
  for (size_t c = 0; c < sums.first.size(); ++c) {
    const double shifted = sums.first[c] / n;
    const double variance = std::max(sums.second[c] / n - shifted * shifted, 0.0);
    result.mean.push_back(static_cast<float>(static_cast<double>(pivot[c]) + shifted));
    result.variance.push_back(variance);
    result.deviation_inverse.push_back(static_cast<float>(1 / std::sqrt(variance + epsilon)));
  }
  return result;
}

Tensor Normalize(const Tensor& x, const ChannelView& view, const Statistics& statistics,
                 std::span<const float> scale, std::span<const float> bias) {
  std::vector<float> factor(scale.size()), offset(scale.size());
  for (size_t c = 0; c < scale.size(); ++c) {
    factor[c] = scale[c] * statistics.deviation_inverse[c];
    offset[c] = bias[c] - statistics.mean[c] * factor[c];
  }
  Tensor y(DataType::float32, x.dims());
  const float* const from = x.as<float>().data();
  float* const to = y.as<float>().data();
  executor::ForEachRun(y.elements(), factor.size(), static_cast<size_t>(view.inner),
                       [&](size_t first, size_t n, const auto& channel) {
                         for (size_t i = 0; i < n; ++i) {
                           to[first + i] =
                               from[first + i] * factor[channel(i)] + offset[channel(i)];
                         }
                       });
  return y;
}

void UpdateRunning(const Statistics& statistics, float momentum, std::span<float> mean,
                   std::span<float> variance) {
  const auto n = static_cast<double>(statistics.count);
  const double unbiased = n > 1 ? n / (n - 1) : 1;
  for (size_t c = 0; c < mean.size(); ++c) {
    const auto measured = static_cast<float>(statistics.variance[c] * unbiased);
    mean[c] = momentum * mean[c] + (1 - momentum) * statistics.mean[c];
    variance[c] = momentum * variance[c] + (1 - momentum) * measured;
  }
}

ChannelSums GradientSums(const Tensor& x, const Tensor& gradient, const ChannelView& view,
                         const Statistics& statistics) {
  const float* const values = x.as<float>().data();
  const float* const gradients = gradient.as<float>().data();
  const float* const mean = statistics.mean.data();
  const float* const inverse = statistics.deviation_inverse.data();
  return SumChannels(view, [=](size_t at, size_t c, float& first, float& second) {
    const float g = gradients[at];
    first += g;
    second += g * ((values[at] - mean[c]) * inverse[c]);
  });
}

void NormalizeGradient(const Tensor& x, const ChannelView& view, const Statistics& statistics,
                       const ChannelSums& sums, std::span<const float> scale, Tensor& gradient) {
  // dx = scale r (dy - mean(dy) - xhat mean(dy xhat)) = a dy + b x + c, per channel.
  const auto channels = static_cast<size_t>(view.channels);
  std::vector<float> a(channels), b(channels), c0(channels);
  const auto count = static_cast<double>(sums.count);
  for (size_t c = 0; c < channels; ++c) {
    const double inverse = statistics.deviation_inverse[c];
    const double factor = scale[c] * inverse;
    const double slope = -factor * inverse * sums.second[c] / count;
    a[c] = static_cast<float>(factor);
    b[c] = static_cast<float>(slope);
    c0[c] = static_cast<float>(-factor * sums.first[c] / count - slope * statistics.mean[c]);
  }
  const float* const values = x.as<float>().data();
  float* const to = gradient.as<float>().data();
  executor::ForEachRun(gradient.elements(), channels, static_cast<size_t>(view.inner),
                       [&](size_t first, size_t n, const auto& channel) {
                         for (size_t i = first; i < first + n; ++i) {
                           const size_t c = channel(i - first);
                           to[i] = to[i] * a[c] + values[i] * b[c] + c0[c];
                         }
                       });
}

}  // namespace lutra::converter::train
