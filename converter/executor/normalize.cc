// Normalizations in inference: with given statistics (BatchNormalization), with those of the input
// (Instance, Layer, RMS, Group, MeanVariance), by neighbours (LRN) or by a norm (Lp). Statistics
// are summed in double.
#include "converter/executor/normalize.h"

#include <algorithm>
#include <cmath>

#include "converter/executor/spatial.h"
#include "converter/executor/strides.h"

namespace lutra::converter::executor {
namespace {

std::string WhyNotBatchNorm(const Node& node) {
  const bool training = node.Int("training_mode", 0) != 0 || node.outputs.size() > 1;
  return training ? "training mode is not implemented" : "";
}

std::span<const float> PerChannel(const Call& call, size_t input, int64_t channels) {
  const auto values = call.Input(input).as<float>();
  if (static_cast<int64_t>(values.size()) != channels) {
    throw Error("input " + std::to_string(input) + " has not one element per channel, " +
                std::to_string(channels));
  }
  return values;
}

/// Inputs: x, scale, bias, mean, variance.
Results BatchNorm(const Call& call) {
  const Tensor& x = call.Input(0);
  if (x.rank() == 0) throw Error("the input is a scalar");
  const bool last = call.node.layout == Layout::nhwc;
  const int64_t channels = x.rank() == 1 ? 1 : (last ? x.dims().back() : x.dims()[1]);
  const int64_t inner = last || x.rank() < 2 ? 1 : Count(std::span(x.dims()).subspan(2));
  const double epsilon = call.node.Float("epsilon", 1e-5f);
  const auto scale = PerChannel(call, 1, channels), bias = PerChannel(call, 2, channels);
  const auto mean = PerChannel(call, 3, channels), variance = PerChannel(call, 4, channels);
  std::vector<float> factor, offset;
  for (size_t c = 0; c < scale.size(); ++c) {
    const double f = scale[c] / std::sqrt(variance[c] + epsilon);
    factor.push_back(static_cast<float>(f));
    offset.push_back(static_cast<float>(bias[c] - mean[c] * f));
  }
  Tensor y(DataType::float32, x.dims());
  const float* const from = x.as<float>().data();
  float* const to = y.as<float>().data();
  ForEachRun(y.elements(), factor.size(), static_cast<size_t>(inner),
             [&](size_t first, size_t n, const auto& channel) {
               for (size_t i = 0; i < n; ++i) {
                 to[first + i] = from[first + i] * factor[channel(i)] + offset[channel(i)];
               }
             });
  return {std::move(y)};
}

/// Groups of channels normalized each by its own statistics, then scaled; the parameters are one
/// per channel, or one per group (as GroupNormalization had them before opset 21).
Tensor NormalizeGroups(const Call& call, int64_t groups) {
  const Tensor& x = call.Input(0);
  const Activation geometry = ActivationOf(x, Layout::nchw);
  const int64_t channels = geometry.Channels();
  if (groups < 1 || channels % groups != 0) throw Error("the groups do not divide the channels");
  const auto parameters = static_cast<int64_t>(call.Input(1).elements());
  const bool by_group = parameters == groups;
  const auto scale = PerChannel(call, 1, by_group ? groups : channels);
  const auto bias = PerChannel(call, 2, by_group ? groups : channels);
  const double epsilon = call.node.Float("epsilon", 1e-5f);
  const int64_t per_group = channels / groups, plane = Count(geometry.Spatial());
  Tensor y(DataType::float32, x.dims());
  const auto from = x.as<float>();
  const auto to = y.as<float>();
  for (int64_t block = 0; block < geometry.Batch() * groups; ++block) {
    const auto first = static_cast<size_t>(block * per_group * plane);
    const Moments m =
        MomentsOf(from.subspan(first, static_cast<size_t>(per_group * plane)), epsilon);
    for (int64_t i = 0; i < per_group * plane; ++i) {
      const int64_t group = block % groups;
      const int64_t at = by_group ? group : group * per_group + i / plane;
      const size_t element = first + static_cast<size_t>(i);
      const double normalized = (from[element] - m.mean) * m.inverse_deviation;
      to[element] = static_cast<float>(normalized * scale[at] + bias[at]);
    }
  }
  return y;
}

Results InstanceNorm(const Call& call) {
  return {NormalizeGroups(call, ActivationOf(call.Input(0), Layout::nchw).Channels())};
}

Results GroupNorm(const Call& call) {
  return {NormalizeGroups(call, call.node.Int("num_groups", 1))};
}

/// Outputs: y, mean, inverse standard deviation (the latter two with the normalized axes as 1).
Results LayerNorm(const Call& call) {
  const Tensor& x = call.Input(0);
  const size_t axis = Axis(call.node.Int("axis", -1), x.rank());
  const Shape inner(x.dims().begin() + static_cast<int64_t>(axis), x.dims().end());
  Shape outer = x.dims();
  std::fill(outer.begin() + static_cast<int64_t>(axis), outer.end(), 1);
  const Tensor scale = BroadcastTo(call.Input(1), inner);
  const Tensor* given = call.Optional(2);
  const Tensor bias =
      given == nullptr ? Tensor(DataType::float32, inner) : BroadcastTo(*given, inner);
  const double epsilon = call.node.Float("epsilon", 1e-5f);
  Tensor y(DataType::float32, x.dims()), mean(DataType::float32, outer);
  Tensor inverse(DataType::float32, outer);
  const auto length = static_cast<size_t>(Count(inner));
  for (size_t line = 0; line < mean.elements(); ++line) {
    const auto values = x.as<float>().subspan(line * length, length);
    const Moments m = MomentsOf(values, epsilon);
    mean.as<float>()[line] = static_cast<float>(m.mean);
    inverse.as<float>()[line] = static_cast<float>(m.inverse_deviation);
    for (size_t i = 0; i < length; ++i) {
      y.as<float>()[line * length + i] = static_cast<float>(
          (values[i] - m.mean) * m.inverse_deviation * scale.as<float>()[i] + bias.as<float>()[i]);
    }
  }
  Results results{std::move(y), std::move(mean), std::move(inverse)};
  results.resize(std::max<size_t>(call.node.outputs.size(), 1));
  return results;
}

/// x / sqrt(mean(x^2) + epsilon) * scale over the axes from `axis` on.
Results RmsNorm(const Call& call) {
  const Tensor& x = call.Input(0);
  const size_t axis = Axis(call.node.Int("axis", -1), x.rank());
  const Shape inner(x.dims().begin() + static_cast<int64_t>(axis), x.dims().end());
  const Tensor scale = BroadcastTo(call.Input(1), inner);
  const double epsilon = call.node.Float("epsilon", 1e-5f);
  Tensor y(DataType::float32, x.dims());
  const auto length = static_cast<size_t>(Count(inner));
  for (size_t first = 0; first < y.elements(); first += length) {
    const auto values = x.as<float>().subspan(first, length);
    double square = 0;
    for (const float v : values) square += static_cast<double>(v) * v;
    const double inverse = 1 / std::sqrt(square / static_cast<double>(length) + epsilon);
    for (size_t i = 0; i < length; ++i) {
      y.as<float>()[first + i] = static_cast<float>(values[i] * inverse * scale.as<float>()[i]);
    }
  }
  return {std::move(y)};
}

/// (x - mean) / deviation over the axes (all but channels).
Results MeanVarianceNorm(const Call& call) {
  const Tensor& x = call.Input(0);
  const Shape axes = call.node.Ints("axes", {0, 2, 3});
  const Tensor over = Tensor::Of({static_cast<int64_t>(axes.size())}, axes);
  Node keep = call.node;
  keep.attributes = {{"keepdims", int64_t{1}}};
  const Tensor mean = Compute("ReduceMean", keep, {&x, &over});
  const Tensor centered = Compute("Sub", keep, {&x, &mean});
  const Tensor square = Compute("Mul", keep, {&centered, &centered});
  const Tensor variance = Compute("ReduceMean", keep, {&square, &over});
  const Tensor deviation = Compute("Sqrt", keep, {&variance});
  const Tensor epsilon = Tensor::Of({}, std::vector<float>{1e-9f});  // as in ONNX's definition
  const Tensor divisor = Compute("Add", keep, {&deviation, &epsilon});
  return {Compute("Div", keep, {&centered, &divisor})};
}

/// y = x / (bias + alpha / size * sum of squares over `size` neighbouring channels) ^ beta
Results Lrn(const Call& call) {
  const Tensor& x = call.Input(0);
  const Activation geometry = ActivationOf(x, Layout::nchw);
  const int64_t size = call.node.Int("size", 1);
  if (size < 1) throw Error("'size' is below 1");
  const double alpha = call.node.Float("alpha", 1e-4f), beta = call.node.Float("beta", 0.75f);
  const double bias = call.node.Float("bias", 1);
  const int64_t channels = geometry.Channels(), plane = Count(geometry.Spatial());
  CheckWork(static_cast<double>(x.elements()) * static_cast<double>(std::min(size, channels)));
  Tensor y(DataType::float32, x.dims());
  for (int64_t n = 0; n < geometry.Batch(); ++n) {
    const float* from = x.as<float>().data() + n * channels * plane;
    float* to = y.as<float>().data() + n * channels * plane;
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t first = std::max<int64_t>(c - (size - 1) / 2, 0);
      const int64_t last = std::min<int64_t>(c + size / 2, channels - 1);
      for (int64_t i = 0; i < plane; ++i) {
        double sum = 0;
        for (int64_t k = first; k <= last; ++k) {
          const double v = from[k * plane + i];
          sum += v * v;
        }
        const double divisor = std::pow(bias + alpha / static_cast<double>(size) * sum, beta);
        to[c * plane + i] = static_cast<float>(from[c * plane + i] / divisor);
      }
    }
  }
  return {std::move(y)};
}

Results LpNorm(const Call& call) {
  const Tensor& x = call.Input(0);
  const Tensor axis = Tensor::Of({1}, Shape{call.node.Int("axis", -1)});
  Node keep = call.node;
  keep.attributes = {{"keepdims", int64_t{1}}};
  const Tensor norm =
      Compute(call.node.Int("p", 2) == 1 ? "ReduceL1" : "ReduceL2", keep, {&x, &axis});
  return {Compute("Div", keep, {&x, &norm})};
}

constexpr Operator kNormalizeOperators[] = {
    Trainable({"BatchNormalization", BatchNorm, Precision::single, WhyNotBatchNorm},
              {.run = BatchNormGradient, .reads_inputs = true}),
    Trainable({"InstanceNormalization", InstanceNorm, Precision::single, nullptr, true},
              {.run = InstanceNormGradient, .reads_inputs = true}),
    Trainable({"GroupNormalization", GroupNorm, Precision::single, nullptr, true},
              {.run = GroupNormGradient, .reads_inputs = true}),
    Trainable({"LayerNormalization", LayerNorm, Precision::single},
              {.run = LayerNormGradient, .reads_inputs = true}),
    Trainable({"RMSNormalization", RmsNorm, Precision::single},
              {.run = RmsNormGradient, .reads_inputs = true}),
    {"MeanVarianceNormalization", MeanVarianceNorm, Precision::single},
    {"LRN", Lrn, Precision::single, nullptr, true},
    {"LpNormalization", LpNorm, Precision::single},
};

}  // namespace

Moments MomentsOf(std::span<const float> values, double epsilon) {
  double sum = 0;
  for (const float x : values) sum += x;
  const double mean = sum / static_cast<double>(values.size());
  double square = 0;
  for (const float x : values) square += (x - mean) * (x - mean);
  return {mean, 1 / std::sqrt(square / static_cast<double>(values.size()) + epsilon)};
}

OperatorRows NormalizeOperators() { return kNormalizeOperators; }

}  // namespace lutra::converter::executor
