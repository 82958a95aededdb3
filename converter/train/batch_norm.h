// Batch normalization in training (Ioffe, Szegedy, "Batch Normalization", arXiv 1502.03167): the
// one operator that looks across the whole minibatch. A minibatch lies in parts, so each direction
// is a sum over each part, the sums' combination in the order of the parts, and an update of each
// part.
//
//   y = scale * (x - mean) * r + bias,   r = 1 / sqrt(variance + epsilon)
//
// with the mean and the (biased) variance of the minibatch, per channel.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter::train {

/// A value as [outer, channels, inner]; channels last: inner is 1.
struct ChannelView {
  int64_t outer = 1, channels = 1, inner = 1;
  /// Of the input of a BatchNormalization.
  static ChannelView Of(const Node& node, const Tensor& x);
  int64_t PerChannel() const { return outer * inner; }
};

/// Two sums for each channel over one part.
struct ChannelSums {
  std::vector<double> first, second;
  int64_t count = 0;  ///< elements of each channel
  void Add(const ChannelSums& other);
};

struct Statistics {
  std::vector<float> mean, deviation_inverse;
  std::vector<double> variance;  ///< biased
  int64_t count = 0;
};

/// Sums of x - pivot and of its square. Pivots (one per channel: any value near the channel's own)
/// keep the variance from being the difference of two large numbers.
ChannelSums MomentSums(const Tensor& x, const ChannelView& view, std::span<const float> pivot);
/// The first value of each channel.
std::vector<float> Pivots(const Tensor& x, const ChannelView& view);
Statistics CombineMoments(const ChannelSums& sums, std::span<const float> pivot, double epsilon);

Tensor Normalize(const Tensor& x, const ChannelView& view, const Statistics& statistics,
                 std::span<const float> scale, std::span<const float> bias);

/// running = momentum * running + (1 - momentum) * statistic, with the unbiased variance.
void UpdateRunning(const Statistics& statistics, float momentum, std::span<float> mean,
                   std::span<float> variance);

/// Sums of the gradient by y, which is the gradient by bias, and of its product with the
/// normalized x, which is that by scale.
ChannelSums GradientSums(const Tensor& x, const Tensor& gradient, const ChannelView& view,
                         const Statistics& statistics);

/// The gradient by x, in place of that by y.
void NormalizeGradient(const Tensor& x, const ChannelView& view, const Statistics& statistics,
                       const ChannelSums& sums, std::span<const float> scale, Tensor& gradient);

}  // namespace lutra::converter::train
