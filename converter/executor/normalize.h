// Gradients of the normalizations (normalize_gradient.cc), for their rows; all read the inputs.
#pragma once

#include "converter/executor/gradient.h"

namespace lutra::converter::executor {

struct Moments {
  double mean, inverse_deviation;
};

/// Of a line of at least one value; epsilon is added to the variance.
Moments MomentsOf(std::span<const float> values, double epsilon);

/// By x, scale and bias, with the statistics as constants; none by mean and variance.
Gradients BatchNormGradient(const GradientCall& call);
Gradients InstanceNormGradient(const GradientCall& call);
Gradients GroupNormGradient(const GradientCall& call);
/// Of the first result alone.
Gradients LayerNormGradient(const GradientCall& call);
Gradients RmsNormGradient(const GradientCall& call);

}  // namespace lutra::converter::executor
