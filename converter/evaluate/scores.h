// What a classifier's output means: which output holds the scores, whether they are logits or
// probabilities, and what they are worth against labels.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/named_shape.h"
#include "converter/score_kind.h"
#include "converter/warnings.h"

namespace lutra::converter::evaluate {

/// The output that is a row of scores, one per class: [N, C] and the like, where further dimensions
/// are 1. `wanted` names it; empty: the only one that has such a shape, or the first of several of
/// the same length, which is warned of. Throws Error, which names outputs and shapes: none is one,
/// several could be, one score alone (a binary classifier's), no output of that name.
size_t ChooseScores(const std::vector<NamedShape>& outputs, int64_t batch,
                    const std::string& wanted, const std::string& model, Warnings& warnings);

/// Accuracy and loss over samples.
class ScoreCounter {
 public:
  /// `output` names the scores in messages.
  ScoreCounter(ScoreKind kind, std::string output) : kind_(kind), output_(std::move(output)) {}

  /// Throws Error that names the sample: a class that has no score, scores that are NaN or infinite
  /// (minus infinity is the logarithm of 0, and allowed beside a finite score).
  void Add(std::span<const float> scores, const data::Sample& sample);

  size_t count() const { return count_; }
  size_t classes() const { return classes_; }  ///< scores of a sample, once there was one
  double Top1() const { return static_cast<double>(top1_) / static_cast<double>(count_); }
  double Top5() const { return static_cast<double>(top5_) / static_cast<double>(count_); }
  double Loss() const { return loss_ / static_cast<double>(count_); }

 private:
  ScoreKind kind_;
  std::string output_;
  size_t count_ = 0, classes_ = 0, top1_ = 0, top5_ = 0;
  double loss_ = 0;
};

}  // namespace lutra::converter::evaluate
