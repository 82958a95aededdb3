#include "converter/train/batch_norm.h"

#include <doctest/doctest.h>

#include <cmath>

#include "converter/train/random_tensor.h"

namespace lutra::converter::train {
namespace {

constexpr double kEpsilon = 1e-5;

/// Elements of one channel of the parts, in order.
std::vector<double> ChannelOf(const std::vector<Tensor>& parts, const ChannelView& view,
                              int64_t channel) {
  std::vector<double> values;
  for (const Tensor& part : parts) {
    for (size_t i = 0; i < part.elements(); ++i) {
      if (static_cast<int64_t>(i) / view.inner % view.channels == channel) {
        values.push_back(static_cast<double>(part.as<float>()[i]));
      }
    }
  }
  return values;
}

/// The definition, in double: y of one channel's elements.
std::vector<double> Normalized(const std::vector<double>& x, double scale, double bias) {
  double mean = 0, variance = 0;
  for (const double v : x) mean += v / static_cast<double>(x.size());
  for (const double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
  std::vector<double> y;
  for (const double v : x) y.push_back((v - mean) / std::sqrt(variance + kEpsilon) * scale + bias);
  return y;
}

struct Case {
  Node node;
  std::vector<std::vector<int64_t>> parts;
};

std::vector<Case> Cases() {
  Node nchw, nhwc;
  nchw.op = nhwc.op = "BatchNormalization";
  nhwc.layout = Layout::nhwc;
  return {{nhwc, {{2, 3, 5, 3}, {1, 3, 5, 3}}},
          {nchw, {{2, 3, 70, 1}, {1, 3, 70, 1}}},
          {nchw, {{5, 3}, {4, 3}, {1, 3}}},
          {nhwc, {{40, 2, 1, 3}}}};
}

}  // namespace

TEST_CASE("batch normalization in training is its definition, forward and backward") {
  const std::vector<float> scale = {0.5F, -2.0F, 1.0F}, bias = {0.25F, 0.0F, -1.0F};
  for (const Case& example : Cases()) {
    std::vector<Tensor> x, gradients;
    for (size_t p = 0; p < example.parts.size(); ++p) {
      x.push_back(RandomTensor(example.parts[p], p + 1));
      gradients.push_back(RandomTensor(example.parts[p], p + 11));
    }
    const ChannelView view = ChannelView::Of(example.node, x[0]);
    REQUIRE(view.channels == 3);
    const std::vector<float> pivot = Pivots(x[0], view);
    ChannelSums sums = MomentSums(x[0], view, pivot);
    for (size_t p = 1; p < x.size(); ++p) {
      sums.Add(MomentSums(x[p], ChannelView::Of(example.node, x[p]), pivot));
    }
    const Statistics statistics = CombineMoments(sums, pivot, kEpsilon);
    std::vector<Tensor> y, dx = gradients;
    ChannelSums back;
    for (size_t p = 0; p < x.size(); ++p) {
      const ChannelView part = ChannelView::Of(example.node, x[p]);
      y.push_back(Normalize(x[p], part, statistics, scale, bias));
      const ChannelSums of_part = GradientSums(x[p], gradients[p], part, statistics);
      if (p == 0) {
        back = of_part;
      } else {
        back.Add(of_part);
      }
    }
    for (size_t p = 0; p < x.size(); ++p) {
      NormalizeGradient(x[p], ChannelView::Of(example.node, x[p]), statistics, back, scale, dx[p]);
    }
    for (int64_t c = 0; c < 3; ++c) {
      CAPTURE(c);
      const auto channel = static_cast<size_t>(c);
      const double s = static_cast<double>(scale[channel]), b = static_cast<double>(bias[channel]);
      const std::vector<double> values = ChannelOf(x, view, c), result = ChannelOf(y, view, c);
      const std::vector<double> gradient = ChannelOf(gradients, view, c);
      const std::vector<double> by_x = ChannelOf(dx, view, c);
      const std::vector<double> expected = Normalized(values, s, b);
      // The loss that has these gradients by y: their sum of products.
      const auto loss = [&](const std::vector<double>& at, double scale_at) {
        double sum = 0;
        const std::vector<double> normalized = Normalized(at, scale_at, b);
        for (size_t i = 0; i < at.size(); ++i) sum += normalized[i] * gradient[i];
        return sum;
      };
      constexpr double kStep = 1e-5;
      double by_bias = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        CHECK(result[i] == doctest::Approx(expected[i]).epsilon(1e-5));
        std::vector<double> more = values, less = values;
        more[i] += kStep;
        less[i] -= kStep;
        const double slope = (loss(more, s) - loss(less, s)) / (2 * kStep);
        CHECK(std::abs(by_x[i] - slope) < 2e-5);
        by_bias += gradient[i];
      }
      CHECK(back.first[channel] == doctest::Approx(by_bias).epsilon(1e-5));
      const double by_scale = (loss(values, s + kStep) - loss(values, s - kStep)) / (2 * kStep);
      CHECK(std::abs(back.second[channel] - by_scale) < 2e-5 * static_cast<double>(values.size()));
    }
  }
}

TEST_CASE("running statistics follow with ONNX's momentum, the variance unbiased") {
  Node node;
  const Tensor x = Tensor::Of({4, 1}, std::vector<float>{1, 2, 3, 6});  // mean 3, variance 14 / 3
  const ChannelView view = ChannelView::Of(node, x);
  const std::vector<float> pivot = Pivots(x, view);
  const Statistics statistics = CombineMoments(MomentSums(x, view, pivot), pivot, 0);
  std::vector<float> mean = {1}, variance = {2};
  UpdateRunning(statistics, 0.75F, mean, variance);
  CHECK(mean[0] == doctest::Approx(0.75 * 1 + 0.25 * 3));
  CHECK(variance[0] == doctest::Approx(0.75 * 2 + 0.25 * 14 / 3));
}

TEST_CASE("a large mean does not drown the variance") {
  Node node;
  Tensor x(DataType::float32, {1000, 1});
  for (size_t i = 0; i < 1000; ++i) x.as<float>()[i] = i % 2 == 0 ? 4096.0F : 4097.0F;
  const ChannelView view = ChannelView::Of(node, x);
  const std::vector<float> pivot = Pivots(x, view);
  const Statistics statistics = CombineMoments(MomentSums(x, view, pivot), pivot, 0);
  CHECK(statistics.mean[0] == 4096.5F);
  CHECK(statistics.variance[0] == doctest::Approx(0.25));
}

}  // namespace lutra::converter::train
