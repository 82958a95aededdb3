// What a search says of its choice when it is done: the table for the user.
#include <algorithm>

#include "converter/budget/search.h"
#include "converter/quantize/layer_name.h"
#include "converter/quantize/recipe.h"

namespace lutra::converter::budget {

Report Search::Describe() const {
  Report report;
  report.limit = limits_.Text();
  report.is_metric = limits_.metric.has_value();
  report.accuracy = limits_.metric             ? limits_.metric->InWords()
                    : !held_out_->classifier() ? ""
                    : held_out_->labelled()    ? "top-1 accuracy"
                                               : "top-1 agreement with FP32";
  report.divergence = held_out_->classifier() ? "Kullback-Leibler divergence from FP32 (nats)"
                                              : "squared error by squared signal";
  report.calibration = calibration_data_->size();
  report.held_out = held_out_->size();
  report.sensitivity = options_.empty() ? 0 : samples_;
  const auto accuracy = [](const Score& score) { return score.metric.value_or(score.Right()); };
  report.fp32_accuracy = accuracy(held_out_->fp32());
  report.stopped = stopped_;
  const Schemes& schemes = tried_[*best_].schemes;
  for (const Node& node : graph_.nodes) {
    const auto layer = std::ranges::find(layers_, &node, &Candidates::node);
    const bool fixed = fixed_.contains(node.Label());
    if (layer == layers_.end() && !fixed) continue;
    const quantize::LayerScheme& scheme = schemes.at(node.Label());
    LayerChoice choice;
    choice.name = quantize::LayerName(graph_, node);
    choice.label = node.Label();
    choice.parameters = graph_.Constant(node.inputs[1])->elements();
    choice.weights = WeightsText(scheme);
    choice.sparsity = scheme.sparsity;
    choice.fixed = fixed;
    if (!fixed) choice.cost = CostOf(*layer, scheme);
    report.layers.push_back(std::move(choice));
  }
  for (size_t t = 0; t < tried_.size(); ++t) {
    const Tried& tried = tried_[t];
    Trial trial{.weights = tried.weights, .bytes = tried.bytes, .chosen = t == *best_};
    if (tried.score) {
      trial.accuracy = accuracy(*tried.score);
      trial.divergence = tried.score->divergence;
    }
    report.trials.push_back(std::move(trial));
  }
  std::ranges::stable_sort(report.trials, {}, &Trial::bytes);
  return report;
}

}  // namespace lutra::converter::budget
