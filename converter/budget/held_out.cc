#include "converter/budget/held_out.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "converter/error.h"
#include "converter/graph/check_finite.h"
#include "converter/runtime_session.h"

namespace lutra::converter::budget {
namespace {

// The deviation that logits have at the temperature.
constexpr double kSoftDeviation = 2;

// The output's one dimension besides those of 1 has a number for each class.
bool IsRowOfScores(const Graph& graph, const std::string& output) {
  const ValueInfo* info = graph.Info(output);
  if (info == nullptr || !info->dims) return false;
  return std::ranges::count_if(*info->dims, [](int64_t d) { return d > 1; }) == 1;
}

size_t Largest(std::span<const float> scores) {
  return static_cast<size_t>(std::ranges::max_element(scores) - scores.begin());
}

// What the scores are as logits, up to a constant.
std::vector<double> Logits(std::span<const float> scores, ScoreKind kind) {
  std::vector<double> logits(scores.begin(), scores.end());
  if (kind == ScoreKind::logits) return logits;
  for (double& x : logits) {
    if (kind == ScoreKind::probabilities) x = std::log(std::max(x, kLeastProbability));
    x = std::max(x, std::log(kLeastProbability));
  }
  return logits;
}

double Variance(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double x : values) sum += x / count;
  for (const double x : values) squares += (x - sum) * (x - sum) / count;
  return squares;
}

bool IsLessAccurate(const Score& score, const Score& than) {
  double more = 0, fewer = 0;
  for (size_t i = 0; i < score.right.size(); ++i) {
    more += than.right[i] && !score.right[i] ? 1 : 0;
    fewer += score.right[i] && !than.right[i] ? 1 : 0;
  }
  return more - fewer > std::sqrt(more + fewer);
}

}  // namespace

double Score::Right() const {
  if (right.empty()) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(std::ranges::count(right, true)) / static_cast<double>(right.size());
}

size_t BestOf(std::span<const Score* const> scores) {
  if (scores[0]->metric) {
    const auto best = std::ranges::min_element(
        scores, {}, [](const Score* s) { return std::pair(s->metric_drop, s->divergence); });
    return static_cast<size_t>(best - scores.begin());
  }
  const Score& accurate = **std::ranges::max_element(
      scores, {}, [](const Score* s) { return std::ranges::count(s->right, true); });
  size_t best = scores.size();
  for (size_t i = 0; i < scores.size(); ++i) {
    if (IsLessAccurate(*scores[i], accurate)) continue;
    if (best == scores.size() || scores[i]->divergence < scores[best]->divergence) best = i;
  }
  return best;
}

HeldOut::HeldOut(const Graph& graph, const data::Dataset& data, const quantize::Progress& progress,
                 std::optional<Metric> metric)
    : graph_(graph), metric_(std::move(metric)) {
  if (metric_) ChooseMeasured(data);
  classifier_ = graph.outputs.size() == 1 && IsRowOfScores(graph, graph.outputs[0]);
  if (classifier_) kind_ = ScoreKindOf(graph, graph.outputs[0]);
  labelled_ = classifier_ && data.labelled();
  double variance = 0;
  std::optional<MetricOf> of_fp32;
  if (metric_) of_fp32.emplace(*metric_, data.size());
  executor::FloatExecutor executor(graph);
  const std::string& input = graph.inputs[0];
  for (size_t s = 0; s < data.size(); ++s) {
    const data::Sample sample = data.Get(s);
    inputs_.push_back(data::AsInput(sample, *graph.Info(input)->dims));
    labels_.push_back(sample.label);
    const executor::TensorMap outputs = executor.Run(
        {{input, inputs_.back()}}, [&](const std::string& value, const Tensor& tensor) {
          RefuseNan(value, tensor, sample.source);
        });
    std::vector<std::vector<float>>& exact = exact_.emplace_back();
    for (const std::string& output : graph.outputs) exact.push_back(outputs.at(output).ToFloats());
    if (metric_) {
      targets_.push_back(sample.target);
      sources_.push_back(sample.source);
      of_fp32->Add(exact[measured_], outputs.at(graph.outputs[measured_]).dims(), sample.target,
                   sample.source);
    }
    if (labelled_ && (sample.label < 0 || static_cast<size_t>(sample.label) >= exact[0].size())) {
      throw Error(sample.source + ": has class " + std::to_string(sample.label) +
                  ", but the network gives " + std::to_string(exact[0].size()) +
                  " scores; check that the labels count the network's classes from 0");
    }
    if (classifier_) fp32_.right.push_back(IsRight(s, exact[0]));
    if (classifier_) variance += Variance(Logits(exact[0], kind_));
    if (progress) progress("budget: FP32", s + 1, data.size());
  }
  if (metric_) fp32_.metric = of_fp32->Value();
  const double deviation = std::sqrt(variance / static_cast<double>(data.size()));
  temperature_ = std::max(1.0, deviation / kSoftDeviation);
}

void HeldOut::ChooseMeasured(const data::Dataset& data) {
  if (!data.has_targets()) {
    throw Error("--metric " + metric_->name() +
                " needs targets, but the data has none: give --targets FILE.npy");
  }
  std::vector<NamedShape> outputs;
  for (const std::string& name : graph_.outputs) {
    outputs.push_back({name, graph_.Info(name)->dims.value_or(std::vector<int64_t>{})});
  }
  measured_ = ChooseOutput(outputs, 1, "", data.Get(0).target.dims(), *metric_, "the network");
}

bool HeldOut::IsRight(size_t sample, std::span<const float> scores) const {
  const size_t wanted =
      labelled_ ? static_cast<size_t>(labels_[sample]) : Largest(exact_[sample][0]);
  return Largest(scores) == wanted;
}

double HeldOut::Divergence(size_t sample,
                           const std::vector<std::span<const float>>& outputs) const {
  if (classifier_) {
    std::vector<double> p = Logits(exact_[sample][0], kind_), q = Logits(outputs[0], kind_);
    LogSoftmax(p, temperature_);
    LogSoftmax(q, temperature_);
    double sum = 0;
    for (size_t c = 0; c < p.size(); ++c) sum += std::exp(p[c]) * (p[c] - q[c]);
    return std::max(sum, 0.0);
  }
  double sum = 0;  // every output counts alike, whatever its unit
  for (size_t o = 0; o < outputs.size(); ++o) {
    const std::vector<float>& exact = exact_[sample][o];
    double signal = 0, noise = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      const double wanted = static_cast<double>(exact[i]);
      const double error = wanted - static_cast<double>(outputs[o][i]);
      signal += wanted * wanted;
      noise += error * error;
    }
    // Of a signal of zeros alone any error is as large as the signal.
    sum += noise == 0 ? 0 : signal == 0 ? 1 : noise / signal;
  }
  return sum / static_cast<double>(outputs.size());
}

double HeldOut::DivergenceSum(size_t first, size_t count,
                              const executor::TensorMap& outputs) const {
  std::vector<std::vector<float>> values;
  for (const std::string& output : graph_.outputs) values.push_back(outputs.at(output).ToFloats());
  double sum = 0;
  for (size_t s = 0; s < count; ++s) {
    std::vector<std::span<const float>> rows;
    for (const std::vector<float>& all : values) {
      const size_t length = all.size() / count;
      rows.push_back(std::span(all).subspan(s * length, length));
    }
    sum += Divergence(first + s, rows);
  }
  return sum;
}

Score HeldOut::Measure(std::span<const uint8_t> file, const std::function<bool()>& stop) const {
  RuntimeSession session(file, "a model within the budget");
  Score score;
  std::optional<MetricOf> metric;
  if (metric_) metric.emplace(*metric_, inputs_.size());
  for (size_t s = 0; s < inputs_.size(); ++s) {
    if (stop && stop()) throw Stopped();
    session.Run({inputs_[s]});
    std::vector<Tensor> outputs;
    std::vector<std::span<const float>> rows;
    for (size_t o = 0; o < graph_.outputs.size(); ++o) outputs.push_back(session.Output(o));
    for (const Tensor& output : outputs) rows.push_back(output.as<float>());
    score.divergence += Divergence(s, rows) / static_cast<double>(inputs_.size());
    if (classifier_) score.right.push_back(IsRight(s, rows[0]));
    if (metric) metric->Add(rows[measured_], outputs[measured_].dims(), targets_[s], sources_[s]);
  }
  if (metric) {
    score.metric = metric->Value();
    score.metric_drop = metric_->Drop(*fp32_.metric, *score.metric);
  }
  return score;
}

}  // namespace lutra::converter::budget
