#include "converter/evaluate/scores.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "converter/error.h"

namespace lutra::converter::evaluate {
namespace {

double CrossEntropy(std::span<const float> scores, size_t label, ScoreKind kind) {
  double log_probability = static_cast<double>(scores[label]);
  if (kind == ScoreKind::probabilities) log_probability = std::log(std::max(log_probability, 0.0));
  if (kind == ScoreKind::logits) {
    std::vector<double> all(scores.begin(), scores.end());
    LogSoftmax(all, 1);
    log_probability = all[label];
  }
  return -std::max(log_probability, std::log(kLeastProbability));
}

// How many classes come before the label: of equal scores the lower class does.
size_t RankOf(std::span<const float> scores, size_t label) {
  size_t rank = 0;
  for (size_t c = 0; c < scores.size(); ++c) {
    const bool before = scores[c] > scores[label] || (scores[c] == scores[label] && c < label);
    rank += before ? 1 : 0;
  }
  return rank;
}

// Scores per sample; 0 for a shape that is no row of scores.
int64_t RowLength(const NamedShape& output, int64_t batch) {
  std::vector<int64_t> dims = output.dims;
  if (batch > 1) {
    if (dims.empty() || dims[0] != batch) return 0;
    dims.erase(dims.begin());
  }
  int64_t length = 1;
  for (const int64_t d : dims) {
    if (d != 1 && length != 1) return 0;
    length *= d;
  }
  return length;
}

size_t RequireRow(const std::vector<NamedShape>& outputs, size_t index, int64_t batch,
                  const std::string& model) {
  const int64_t length = RowLength(outputs[index], batch);
  if (length == 0) {
    throw Error(model + ": output " + Described(outputs[index]) +
                " is no row of scores, one per class ([N, C]); networks that classify nothing are "
                "measured with --targets and --metric");
  }
  if (length == 1) {
    throw Error(model + ": output " + Described(outputs[index]) +
                " is one score, as of a binary classifier; eval compares the scores of classes: "
                "give the network two, 0 and the logit or 1 - p and p, by a Concat");
  }
  return index;
}

}  // namespace

size_t ChooseScores(const std::vector<NamedShape>& outputs, int64_t batch,
                    const std::string& wanted, const std::string& model, Warnings& warnings) {
  if (!wanted.empty()) {
    return RequireRow(outputs, FindOutput(outputs, wanted, model), batch, model);
  }
  if (outputs.size() == 1) return RequireRow(outputs, 0, batch, model);
  std::vector<NamedShape> rows;
  bool same = true;
  for (const NamedShape& output : outputs) {
    if (RowLength(output, batch) < 2) continue;
    same = same && (rows.empty() || RowLength(rows[0], batch) == RowLength(output, batch));
    rows.push_back(output);
  }
  if (rows.empty()) {
    throw Error(model +
                ": no output is a row of scores, one per class ([N, C]): " + Listed(outputs));
  }
  if (!same) {
    throw Error(model +
                ": several outputs could be the scores; name one with --scores: " + Listed(rows));
  }
  if (rows.size() > 1) {
    warnings.Add(model + ": the accuracy is that of output '" + rows[0].name +
                 "'; --scores chooses another of " + Listed(rows));
  }
  return FindOutput(outputs, rows[0].name, model);
}

void ScoreCounter::Add(std::span<const float> scores, const data::Sample& sample) {
  if (sample.label < 0 || static_cast<size_t>(sample.label) >= scores.size()) {
    throw Error(sample.source + ": has class " + std::to_string(sample.label) +
                ", but the network gives " + std::to_string(scores.size()) +
                " scores; check that the labels count the network's classes from 0");
  }
  bool finite = false;
  for (size_t c = 0; c < scores.size(); ++c) {
    finite = finite || std::isfinite(scores[c]);
    if (std::isnan(scores[c]) || scores[c] == std::numeric_limits<float>::infinity()) {
      throw Error(sample.source + ": output '" + output_ + "' is not finite, class " +
                  std::to_string(c) + (std::isnan(scores[c]) ? " is NaN" : " is infinite") +
                  "; check the network, and scale, mean and std of the data");
    }
  }
  if (!finite) throw Error(sample.source + ": output '" + output_ + "' has no finite score");
  const auto label = static_cast<size_t>(sample.label);
  const size_t rank = RankOf(scores, label);
  top1_ += rank < 1 ? 1 : 0;
  top5_ += rank < 5 ? 1 : 0;
  loss_ += CrossEntropy(scores, label, kind_);
  ++count_;
  classes_ = scores.size();
}

}  // namespace lutra::converter::evaluate
