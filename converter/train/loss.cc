#include "converter/train/loss.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "converter/error.h"

namespace lutra::converter::train {
namespace {

// The outputs as rows, with room for the loss.
struct Rows {
  Rows(const Tensor& outputs, size_t total_samples)
      : values(outputs.as<float>()),
        count(outputs.rank() == 0 ? 0 : static_cast<size_t>(outputs.dims()[0])),
        width(count == 0 ? 0 : values.size() / count),
        scale(1 / static_cast<double>(total_samples)) {
    if (width == 0) {
      throw Error("the network's output of dimensions " + DimsText(outputs.dims()) +
                  " holds nothing to compare; a loss needs [samples, ...]");
    }
    loss.gradient = Tensor(DataType::float32, outputs.dims());
    gradient = loss.gradient.as<float>();
  }

  std::span<const float> Row(size_t r) const { return values.subspan(r * width, width); }
  void SetGradient(size_t r, size_t i, double g) {
    gradient[r * width + i] = static_cast<float>(g * scale);
  }

  std::span<const float> values;
  size_t count, width;
  double scale;
  Loss loss;
  std::span<float> gradient;
};

std::span<const float> AsMany(const Tensor& targets, const Tensor& outputs, const char* what) {
  if (targets.elements() != outputs.elements()) {
    throw Error(std::string(what) + " are " + DimsText(targets.dims()) +
                ", but the network's output is " + DimsText(outputs.dims()) +
                "; they need as many elements");
  }
  return targets.as<float>();
}

void LogSoftmax(std::span<const float> x, double temperature, std::span<double> out) {
  std::ranges::copy(x, out.begin());
  converter::LogSoftmax(out, temperature);
}

// Of one row, whose targets t need not add up to 1.
void AddCrossEntropy(ScoreKind kind, Rows& rows, size_t r, std::span<const double> t,
                     std::span<double> scratch) {
  const std::span<const float> x = rows.Row(r);
  double sum = 0, weight = 0;
  switch (kind) {
    case ScoreKind::logits:
      LogSoftmax(x, 1, scratch);
      for (size_t i = 0; i < t.size(); ++i) {
        // A logit of -infinity is a class that cannot be: no target, no loss.
        if (t[i] != 0) sum -= t[i] * scratch[i];
        weight += t[i];
      }
      for (size_t i = 0; i < t.size(); ++i) {
        rows.SetGradient(r, i, weight * std::exp(scratch[i]) - t[i]);
      }
      break;
    case ScoreKind::log_probabilities:
      for (size_t i = 0; i < t.size(); ++i) {
        if (t[i] != 0) sum -= t[i] * static_cast<double>(x[i]);
        rows.SetGradient(r, i, -t[i]);
      }
      break;
    case ScoreKind::probabilities:
      for (size_t i = 0; i < t.size(); ++i) {
        // Not std::max, which would hide NaN.
        const double p = x[i] < kLeastProbability ? kLeastProbability : static_cast<double>(x[i]);
        sum -= t[i] * std::log(p);
        rows.SetGradient(r, i, -t[i] / p);
      }
      break;
  }
  rows.loss.sum += sum;
}

}  // namespace

Loss CrossEntropy(ScoreKind kind, const Tensor& outputs, std::span<const int64_t> labels,
                  size_t total, float smoothing) {
  Rows rows(outputs, total);
  if (labels.size() != rows.count) {
    throw Error(std::to_string(labels.size()) + " labels for " + std::to_string(rows.count) +
                " outputs; cross-entropy needs one per sample");
  }
  const double all = static_cast<double>(smoothing) / static_cast<double>(rows.width);
  std::vector<double> target(rows.width), scratch(rows.width);
  for (size_t r = 0; r < rows.count; ++r) {
    const int64_t label = labels[r];
    if (label < 0 || label >= static_cast<int64_t>(rows.width)) {
      throw Error("label " + std::to_string(label) + " is none of the network's " +
                  std::to_string(rows.width) + " classes, which count from 0");
    }
    std::fill(target.begin(), target.end(), all);
    target[static_cast<size_t>(label)] += 1 - static_cast<double>(smoothing);
    AddCrossEntropy(kind, rows, r, target, scratch);
  }
  return std::move(rows.loss);
}

Loss CrossEntropy(ScoreKind kind, const Tensor& outputs, const Tensor& targets, size_t total,
                  float smoothing) {
  Rows rows(outputs, total);
  const std::span<const float> given = AsMany(targets, outputs, "soft labels");
  const double all = static_cast<double>(smoothing) / static_cast<double>(rows.width);
  std::vector<double> target(rows.width), scratch(rows.width);
  for (size_t r = 0; r < rows.count; ++r) {
    for (size_t i = 0; i < rows.width; ++i) {
      target[i] = all + (1 - static_cast<double>(smoothing)) *
                            static_cast<double>(given[r * rows.width + i]);
    }
    AddCrossEntropy(kind, rows, r, target, scratch);
  }
  return std::move(rows.loss);
}

Loss MeanSquaredError(const Tensor& outputs, const Tensor& targets, size_t total) {
  Rows rows(outputs, total);
  const std::span<const float> t = AsMany(targets, outputs, "targets");
  const double share = 1 / static_cast<double>(rows.width);
  for (size_t r = 0; r < rows.count; ++r) {
    double squares = 0;
    for (size_t i = 0; i < rows.width; ++i) {
      const size_t at = r * rows.width + i;
      const double error = static_cast<double>(rows.values[at]) - static_cast<double>(t[at]);
      squares += error * error;
      rows.SetGradient(r, i, 2 * share * error);
    }
    rows.loss.sum += squares * share;
  }
  return std::move(rows.loss);
}

Loss Distillation(const Tensor& logits, const Tensor& teacher, double temperature, size_t total) {
  Rows rows(logits, total);
  const std::span<const float> given = AsMany(teacher, logits, "the teacher's outputs");
  std::vector<double> log_p(rows.width), log_q(rows.width);
  for (size_t r = 0; r < rows.count; ++r) {
    LogSoftmax(rows.Row(r), temperature, log_p);
    LogSoftmax(given.subspan(r * rows.width, rows.width), temperature, log_q);
    double divergence = 0;
    for (size_t i = 0; i < rows.width; ++i) {
      const double q = std::exp(log_q[i]);
      if (q != 0) divergence += q * (log_q[i] - log_p[i]);
      rows.SetGradient(r, i, temperature * (std::exp(log_p[i]) - q));
    }
    rows.loss.sum += temperature * temperature * divergence;
  }
  return std::move(rows.loss);
}

}  // namespace lutra::converter::train
