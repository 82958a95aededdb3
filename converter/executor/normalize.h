// What the forward and the backward run of normalizations share, and the gradients
// (normalize_gradient.cc) for the rows; all read the inputs.
#pragma once

#include "converter/executor/gradient.h"

namespace lutra::converter::executor {

struct Moments {
  double mean, inverse_deviation;
};

/// Of a line of at least one value; epsilon is added to the variance.
Moments MomentsOf(std::span<const float> values, double epsilon);

/// Calls f(first element, number of elements, channel of the i-th) for runs of contiguous elements:
/// in NHWC (`inner` is 1) all channels of one position, else one channel's plane.
template <typename F>
void ForEachRun(size_t elements, size_t channels, size_t inner, const F& f) {
  if (inner == 1) {
    for (size_t first = 0; first < elements; first += channels) {
      f(first, channels, [](size_t i) { return i; });
    }
    return;
  }
  for (size_t first = 0, c = 0; first < elements; first += inner) {
    f(first, inner, [=](size_t) { return c; });
    if (++c == channels) c = 0;
  }
}

/// By x, scale and bias, with the statistics as constants; none by mean and variance.
Gradients BatchNormGradient(const GradientCall& call);
Gradients InstanceNormGradient(const GradientCall& call);
Gradients GroupNormGradient(const GradientCall& call);
/// Of the first result alone.
Gradients LayerNormGradient(const GradientCall& call);
Gradients RmsNormGradient(const GradientCall& call);

}  // namespace lutra::converter::executor
