// Normalizations backwards. For a line x with mean m and inverse deviation r, n = (x - m) * r and
// y = n * scale + bias, and with s = gradient * scale:
//   by x:     r * (s - mean(s) - n * mean(s * n))
//   by scale: the sum of gradient * n;  by bias: the sum of the gradient
// RMS normalization has no m and no mean(s). Sums are in double, as forward.
#include <algorithm>
#include <cmath>
#include <utility>

#include "converter/executor/normalize.h"
#include "converter/executor/spatial.h"
#include "converter/executor/strides.h"

namespace lutra::converter::executor {
namespace {

/// One line of values backwards; scale(i) is that of element i.
template <bool kCentered, typename Scale>
void LineGradient(std::span<const float> x, std::span<const float> g, const Moments& moments,
                  const Scale& scale, std::span<float> to) {
  const auto [mean, inverse] = moments;
  double sum = 0, product = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double s = double{g[i]} * scale(i);
    sum += s;
    product += s * (x[i] - mean) * inverse;
  }
  const auto length = static_cast<double>(x.size());
  const double shift = kCentered ? sum / length : 0, slope = product / length;
  for (size_t i = 0; i < x.size(); ++i) {
    const double n = (x[i] - mean) * inverse;
    to[i] = static_cast<float>(inverse * (double{g[i]} * scale(i) - shift - n * slope));
  }
}

Tensor Rounded(const std::vector<double>& sums, const Shape& dims) {
  Tensor result(DataType::float32, dims);
  std::ranges::transform(sums, result.as<float>().begin(),
                         [](double sum) { return static_cast<float>(sum); });
  return result;
}

/// Groups of channels, each by its own statistics; NCHW.
Gradients NormalizedGroupsGradient(const GradientCall& call, int64_t groups) {
  const Tensor& x = call.Input(0);
  const Activation geometry = ActivationOf(x, Layout::nchw);
  const auto scale = call.Input(1).as<float>();
  const bool by_group = std::cmp_equal(scale.size(), groups);
  const double epsilon = call.node.Float("epsilon", 1e-5f);
  const int64_t per_group = geometry.Channels() / groups;
  const auto plane = static_cast<size_t>(Count(geometry.Spatial()));
  const size_t length = static_cast<size_t>(per_group) * plane;
  Gradients gradients = call.None();
  gradients[0] = Tensor(DataType::float32, x.dims());
  std::vector<double> by_scale(scale.size()), by_bias(scale.size());
  for (int64_t block = 0; block < geometry.Batch() * groups; ++block) {
    const size_t first = static_cast<size_t>(block) * length;
    const int64_t group = block % groups;
    const auto values = x.as<float>().subspan(first, length);
    const auto g = call.Of().as<float>().subspan(first, length);
    const Moments moments = MomentsOf(values, epsilon);
    const auto parameter = [&](size_t i) {
      return static_cast<size_t>(by_group ? group : group * per_group) + (by_group ? 0 : i / plane);
    };
    LineGradient<true>(
        values, g, moments, [&](size_t i) { return scale[parameter(i)]; },
        gradients[0].as<float>().subspan(first, length));
    for (size_t i = 0; i < length; ++i) {
      by_scale[parameter(i)] += g[i] * (values[i] - moments.mean) * moments.inverse_deviation;
      by_bias[parameter(i)] += g[i];
    }
  }
  gradients[1] = Rounded(by_scale, call.input_dims[1]);
  gradients[2] = Rounded(by_bias, call.input_dims[2]);
  return gradients;
}

/// Lines of the axes from 'axis' on; `moments_of` a line of values.
template <bool kCentered, typename MomentsOfLine>
Gradients NormalizedLinesGradient(const GradientCall& call, const MomentsOfLine& moments_of) {
  const Tensor& x = call.Input(0);
  const size_t axis = Axis(call.node.Int("axis", -1), x.rank());
  const Shape inner(x.dims().begin() + static_cast<int64_t>(axis), x.dims().end());
  const Tensor scale = BroadcastTo(call.Input(1), inner);
  const auto factors = scale.as<float>();
  const auto length = static_cast<size_t>(Count(inner));
  Gradients gradients = call.None();
  gradients[0] = Tensor(DataType::float32, x.dims());
  std::vector<double> by_scale(length), by_bias(length);
  for (size_t first = 0; first < x.elements(); first += length) {
    const auto values = x.as<float>().subspan(first, length);
    const auto g = call.Of().as<float>().subspan(first, length);
    const Moments moments = moments_of(values);
    LineGradient<kCentered>(
        values, g, moments, [&](size_t i) { return factors[i]; },
        gradients[0].as<float>().subspan(first, length));
    for (size_t i = 0; i < length; ++i) {
      by_scale[i] += g[i] * (values[i] - moments.mean) * moments.inverse_deviation;
      by_bias[i] += g[i];
    }
  }
  gradients[1] = SumTo(Rounded(by_scale, inner), call.input_dims[1]);
  if (call.Wants(2)) gradients[2] = SumTo(Rounded(by_bias, inner), call.input_dims[2]);
  return gradients;
}

}  // namespace

Gradients BatchNormGradient(const GradientCall& call) {
  const Tensor& g = call.Of();
  const bool last = call.node.layout == Layout::nhwc;
  const auto inner =
      static_cast<size_t>(last || g.rank() < 2 ? 1 : Count(std::span(g.dims()).subspan(2)));
  const auto scale = call.Input(1).as<float>();
  const auto mean = call.Input(3).as<float>(), variance = call.Input(4).as<float>();
  const double epsilon = call.node.Float("epsilon", 1e-5f);
  const size_t channels = scale.size();
  std::vector<double> inverse, sums(channels), products(channels);
  std::vector<float> factors;
  for (size_t c = 0; c < channels; ++c) {
    inverse.push_back(1 / std::sqrt(variance[c] + epsilon));
    factors.push_back(static_cast<float>(scale[c] * inverse[c]));
  }
  const float* const dy = g.as<float>().data();
  Gradients gradients = call.None();
  if (call.Wants(0)) {
    gradients[0] = Tensor(DataType::float32, g.dims());
    float* const to = gradients[0].as<float>().data();
    ForEachRun(g.elements(), channels, inner, [&](size_t first, size_t n, const auto& channel) {
      for (size_t i = 0; i < n; ++i) to[first + i] = dy[first + i] * factors[channel(i)];
    });
  }
  if (!call.Wants(1) && !call.Wants(2)) return gradients;
  const float* const x = call.Input(0).as<float>().data();
  ForEachRun(g.elements(), channels, inner, [&](size_t first, size_t n, const auto& channel) {
    for (size_t i = 0; i < n; ++i) {
      sums[channel(i)] += dy[first + i];
      products[channel(i)] += double{dy[first + i]} * x[first + i];
    }
  });
  for (size_t c = 0; c < channels; ++c) {
    products[c] = (products[c] - mean[c] * sums[c]) * inverse[c];
  }
  gradients[1] = Rounded(products, call.input_dims[1]);
  gradients[2] = Rounded(sums, call.input_dims[2]);
  return gradients;
}

Gradients InstanceNormGradient(const GradientCall& call) {
  return NormalizedGroupsGradient(call, ActivationOf(call.Input(0), Layout::nchw).Channels());
}

Gradients GroupNormGradient(const GradientCall& call) {
  return NormalizedGroupsGradient(call, call.node.Int("num_groups", 1));
}

Gradients LayerNormGradient(const GradientCall& call) {
  for (size_t i = 1; i < call.gradients.size(); ++i) {
    if (call.gradients[i] != nullptr) throw Error("mean and deviation have no gradient");
  }
  const double epsilon = call.node.Float("epsilon", 1e-5f);
  return NormalizedLinesGradient<true>(
      call, [=](std::span<const float> values) { return MomentsOf(values, epsilon); });
}

Gradients RmsNormGradient(const GradientCall& call) {
  const double epsilon = call.node.Float("epsilon", 1e-5f);
  return NormalizedLinesGradient<false>(call, [=](std::span<const float> values) {
    double square = 0;
    for (const float x : values) square += double{x} * x;
    return Moments{0, 1 / std::sqrt(square / static_cast<double>(values.size()) + epsilon)};
  });
}

}  // namespace lutra::converter::executor
