// Losses and their gradients against PyTorch's and against finite differences.
#include "converter/train/loss.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "converter/error.h"
#include "converter/train/pytorch_values.h"

namespace lutra::converter::train {
namespace {

constexpr int64_t kRows = 4, kClasses = 5;
// Outputs, targets and gradients pass through float32, whose rounding is 2^-24 of a number.
constexpr double kRounding = 1.0 / (1 << 22);

Tensor AsFloats(const std::vector<double>& values, std::vector<int64_t> dims = {kRows, kClasses}) {
  return Tensor::Of(std::move(dims), std::vector<float>(values.begin(), values.end()));
}

void CheckLoss(const Loss& loss, const std::vector<double>& value,
               const std::vector<double>& gradient) {
  CHECK(loss.sum / kRows == doctest::Approx(value[0]).epsilon(1e-9));
  const auto have = loss.gradient.as<float>();
  REQUIRE(have.size() == gradient.size());
  for (size_t i = 0; i < have.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(static_cast<double>(have[i]) - gradient[i]) <= kRounding);
  }
}

TEST_CASE("losses are PyTorch's") {
  using namespace pytorch;
  const Tensor logits = AsFloats(kLogits), teacher = AsFloats(kTeacher),
               soft = AsFloats(kSoftLabels);
  constexpr auto kind = ScoreKind::logits;
  CheckLoss(CrossEntropy(kind, logits, kLabels, kRows), kLossCrossEntropy, kGradientCrossEntropy);
  CheckLoss(CrossEntropy(kind, logits, kLabels, kRows, 0.1F), kLossSmoothed, kGradientSmoothed);
  CheckLoss(CrossEntropy(kind, logits, soft, kRows), kLossSoft, kGradientSoft);
  CheckLoss(CrossEntropy(kind, logits, soft, kRows, 0.1F), kLossSoftSmoothed,
            kGradientSoftSmoothed);
  CheckLoss(CrossEntropy(ScoreKind::log_probabilities, logits, kLabels, kRows), kLossNll,
            kGradientNll);
  CheckLoss(MeanSquaredError(logits, teacher, kRows), kLossMse, kGradientMse);
  CheckLoss(Distillation(logits, teacher, 4, kRows), kLossDistillation, kGradientDistillation);
}

using Function = std::function<Loss(const Tensor&)>;

// Central differences with a step of 2^-10: their own error is that of the third derivative, below
// 1e-5 for outputs of this size; dividing by the step makes float32's rounding of x harmless, for x
// and the step are multiples of 2^-12.
void CheckDifferences(const Function& f, const Tensor& at, double total) {
  const Tensor gradient = f(at).gradient;
  constexpr float step = 0x1p-10F;
  for (size_t i = 0; i < at.elements(); ++i) {
    Tensor above = at, below = at;
    above.as<float>()[i] += step;
    below.as<float>()[i] -= step;
    const double slope = (f(above).sum - f(below).sum) / (2 * static_cast<double>(step)) / total;
    CAPTURE(i);
    CHECK(static_cast<double>(gradient.as<float>()[i]) ==
          doctest::Approx(slope).epsilon(2e-4).scale(1));
  }
}

TEST_CASE("gradients are slopes") {
  const Tensor x = AsFloats(pytorch::kLogits), other = AsFloats(pytorch::kTeacher);
  const Tensor soft = AsFloats(pytorch::kSoftLabels);
  const auto& labels = pytorch::kLabels;
  // Probabilities, multiples of 1/4096 so that a step away from them is exact.
  Tensor p = x;
  for (float& v : p.as<float>()) v = 0.25F + (v + 4) / 16;
  for (const float smoothing : {0.0F, 0.2F}) {
    for (const ScoreKind kind : {ScoreKind::logits, ScoreKind::log_probabilities}) {
      CheckDifferences([&](const Tensor& y) { return CrossEntropy(kind, y, labels, 7, smoothing); },
                       x, 7);
      CheckDifferences([&](const Tensor& y) { return CrossEntropy(kind, y, soft, 7, smoothing); },
                       x, 7);
    }
    CheckDifferences(
        [&](const Tensor& y) {
          return CrossEntropy(ScoreKind::probabilities, y, labels, 7, smoothing);
        },
        p, 7);
  }
  CheckDifferences([&](const Tensor& y) { return MeanSquaredError(y, other, 9); }, x, 9);
  CheckDifferences([&](const Tensor& y) { return Distillation(y, other, 2.5, 9); }, x, 9);
}

TEST_CASE("probabilities give the same loss as the logits they came of") {
  const Tensor x = Tensor::Of({1, 3}, std::vector<float>{0, std::log(2.0F), std::log(5.0F)});
  const Tensor p = Tensor::Of({1, 3}, std::vector<float>{0.125F, 0.25F, 0.625F});
  const std::vector<int64_t> label = {1};
  const double expected = std::log(4.0);
  CHECK(CrossEntropy(ScoreKind::logits, x, label, 1).sum ==
        doctest::Approx(expected).epsilon(1e-6));
  CHECK(CrossEntropy(ScoreKind::probabilities, p, label, 1).sum ==
        doctest::Approx(expected).epsilon(1e-12));
}

TEST_CASE("large numbers stay numbers") {
  const Tensor x = Tensor::Of({1, 3}, std::vector<float>{-3e38F, 3e38F, 0});
  const std::vector<int64_t> best = {1}, worst = {0};
  CHECK(CrossEntropy(ScoreKind::logits, x, best, 1).sum == 0);
  const Loss loss = CrossEntropy(ScoreKind::logits, x, worst, 1);
  CHECK(loss.sum == doctest::Approx(6e38));
  CHECK(loss.gradient == Tensor::Of({1, 3}, std::vector<float>{-1, 1, 0}));
  CHECK(Distillation(x, x, 1, 1).sum == 0);
  // A class that cannot be, and is not asked for.
  const float infinity = std::numeric_limits<float>::infinity();
  const Tensor masked = Tensor::Of({1, 3}, std::vector<float>{-infinity, 0, 0});
  CHECK(CrossEntropy(ScoreKind::logits, masked, best, 1).sum ==
        doctest::Approx(std::log(2.0)).epsilon(1e-12));
  // -log 1e-7, and the slope there.
  const Tensor never = Tensor::Of({1, 2}, std::vector<float>{0, 1});
  const Loss bounded = CrossEntropy(ScoreKind::probabilities, never, worst, 1);
  CHECK(bounded.sum == doctest::Approx(16.11809565));
  CHECK(bounded.gradient.as<float>()[0] == doctest::Approx(-1e7));
}

TEST_CASE("NaN reaches the loss") {
  const Tensor x = Tensor::Of({1, 2}, std::vector<float>{std::nanf(""), 1});
  const std::vector<int64_t> label = {0};
  for (const ScoreKind kind :
       {ScoreKind::logits, ScoreKind::log_probabilities, ScoreKind::probabilities}) {
    CHECK(std::isnan(CrossEntropy(kind, x, label, 1).sum));
  }
  CHECK(std::isnan(MeanSquaredError(x, Tensor::Of({1, 2}, std::vector<float>{0, 0}), 1).sum));
  CHECK(std::isnan(Distillation(x, Tensor::Of({1, 2}, std::vector<float>{0, 0}), 1, 1).sum));
}

TEST_CASE("a minibatch may be cut anywhere") {
  const Tensor whole = AsFloats(pytorch::kLogits);
  const Loss all = CrossEntropy(ScoreKind::logits, whole, pytorch::kLabels, kRows);
  for (size_t cut = 1; cut < kRows; ++cut) {
    std::vector<float> gradient;
    double sum = 0;
    for (const auto& [first, last] :
         {std::pair<size_t, size_t>{0, cut}, std::pair<size_t, size_t>{cut, kRows}}) {
      const std::vector<double> values(pytorch::kLogits.begin() + first * kClasses,
                                       pytorch::kLogits.begin() + last * kClasses);
      // One row may have any shape.
      const Tensor part = AsFloats(values, {static_cast<int64_t>(last - first), 1, kClasses, 1});
      const Loss loss = CrossEntropy(
          ScoreKind::logits, part, std::span(pytorch::kLabels).subspan(first, last - first), kRows);
      CHECK(loss.gradient.dims() == part.dims());
      sum += loss.sum;
      const auto have = loss.gradient.as<float>();
      gradient.insert(gradient.end(), have.begin(), have.end());
    }
    CHECK(sum == doctest::Approx(all.sum).epsilon(1e-14));
    CHECK(Tensor::Of(whole.dims(), gradient) == all.gradient);
  }
}

TEST_CASE("targets that do not fit are refused") {
  const Tensor x = AsFloats(pytorch::kLogits);
  constexpr auto kind = ScoreKind::logits;
  CHECK_THROWS_WITH_AS(CrossEntropy(kind, x, std::vector<int64_t>{0, 1, 5, 2}, 4),
                       "label 5 is none of the network's 5 classes, which count from 0", Error);
  CHECK_THROWS_WITH_AS(CrossEntropy(kind, x, std::vector<int64_t>{0, -1, 4, 2}, 4),
                       "label -1 is none of the network's 5 classes, which count from 0", Error);
  CHECK_THROWS_WITH_AS(CrossEntropy(kind, x, std::vector<int64_t>{0}, 4),
                       "1 labels for 4 outputs; cross-entropy needs one per sample", Error);
  const Tensor small = Tensor::Of({4, 2}, std::vector<float>(8));
  CHECK_THROWS_WITH_AS(MeanSquaredError(x, small, 4),
                       "targets are 4x2, but the network's output is 4x5; they need as many "
                       "elements",
                       Error);
  CHECK_THROWS_WITH_AS(Distillation(x, small, 1, 4),
                       "the teacher's outputs are 4x2, but the network's output is 4x5; they need "
                       "as many elements",
                       Error);
  CHECK_THROWS_AS(CrossEntropy(kind, Tensor(DataType::float32, {}), std::vector<int64_t>{}, 4),
                  Error);
  CHECK_THROWS_AS(CrossEntropy(kind, Tensor(DataType::float32, {0, 5}), std::vector<int64_t>{}, 4),
                  Error);
}

}  // namespace
}  // namespace lutra::converter::train
