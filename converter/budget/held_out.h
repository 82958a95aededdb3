// What a quantized network loses, on samples that have calibrated nothing: how many it gets right,
// or what a metric says of its output and the targets, and how far its outputs are from the float
// network's.
//
// One sample of a few hundred is a coarse measure of accuracy, and which one a network errs on is
// mostly chance. So the divergence decides unless the accuracies differ by more than chance alone
// would let them (BestOf). A metric decides alone: it is what the user asked for.
//
// Of a network that was trained on the samples hardly any probability differs from 0 and 1, and one
// sample of a hundred makes up most of the divergence. So it is taken at a temperature (as
// distillation takes it, arXiv 1503.02531) that leaves logits a deviation of 2 at most: then all
// samples say something of the errors of all logits.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/executor/float_executor.h"
#include "converter/graph/graph.h"
#include "converter/metric.h"
#include "converter/quantize/calibrate.h"
#include "converter/score_kind.h"

namespace lutra::converter::budget {

struct Score {
  /// By sample, of a classifier: its largest score is the label's, or the float network's where
  /// there are no labels. Empty for others.
  std::vector<bool> right;
  /// Mean over the samples, 0 or more: of a classifier the Kullback-Leibler divergence of its
  /// probabilities from the float network's, in nats, at a temperature (held_out.cc); else squared
  /// error by squared signal.
  double divergence = 0;
  /// Where there is a metric: its value, and by how much it is worse than the float network's
  /// (Metric::Drop).
  std::optional<double> metric = {};
  double metric_drop = 0;

  double Right() const;  ///< fraction; NaN for other networks than classifiers
};

/// The index of the best of at least one. With a metric it is the one of the least drop. Accuracies
/// count where they differ by more than a standard deviation of what they would if the two were
/// equally good (McNemar's test: samples that only one gets right are then even throws of a coin):
/// of those that are not in this way worse than the most accurate one, it is the one of least
/// divergence.
size_t BestOf(std::span<const Score* const> scores);

class HeldOut {
 public:
  /// Runs the float network, of one input, over the samples, which are kept decoded. Keeps a
  /// reference to the graph. `metric`, if any, is of the data's targets. Throws Error.
  HeldOut(const Graph& graph, const data::Dataset& data, const quantize::Progress& progress,
          std::optional<Metric> metric = {});

  size_t size() const { return inputs_.size(); }
  bool classifier() const { return classifier_; }
  bool labelled() const { return labelled_; }
  /// As the float network takes them.
  const std::vector<Tensor>& inputs() const { return inputs_; }
  /// Of the float network; without labels it is always right.
  const Score& fp32() const { return fp32_; }

  /// Of the float network's output values, named as in the graph, for sample `first` and those
  /// behind it, along the first dimension.
  double DivergenceSum(size_t first, size_t count, const executor::TensorMap& outputs) const;

  /// Runs the model file in the runtime. `stop` is asked after every sample: true throws Stopped.
  Score Measure(std::span<const uint8_t> file, const std::function<bool()>& stop) const;

 private:
  void ChooseMeasured(const data::Dataset& data);
  double Divergence(size_t sample, const std::vector<std::span<const float>>& outputs) const;
  bool IsRight(size_t sample, std::span<const float> scores) const;

  const Graph& graph_;
  bool classifier_ = false, labelled_ = false;
  ScoreKind kind_ = ScoreKind::logits;
  double temperature_ = 1;  // 1 or more
  std::vector<Tensor> inputs_;
  std::vector<int64_t> labels_;
  std::optional<Metric> metric_;
  size_t measured_ = 0;          // the output that the metric is of
  std::vector<Tensor> targets_;  // for a metric
  std::vector<std::string> sources_;
  std::vector<std::vector<std::vector<float>>> exact_;  // sample, output
  Score fp32_;
};

/// Thrown where the user has had enough.
struct Stopped {};

}  // namespace lutra::converter::budget
