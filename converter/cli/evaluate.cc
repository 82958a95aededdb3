#include "converter/cli/evaluate.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "converter/convert.h"
#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/files.h"
#include "converter/graph/check_finite.h"
#include "converter/runtime_session.h"
#include "schema/container.h"

namespace lutra::converter {
namespace {

constexpr size_t kBatch = 16;
constexpr double kLeastProbability = 1e-7;

enum class Scores { logits, probabilities, log_probabilities };

double LogSoftmax(std::span<const float> scores, size_t label) {
  const double largest = static_cast<double>(*std::max_element(scores.begin(), scores.end()));
  double sum = 0;
  for (const float score : scores) sum += std::exp(static_cast<double>(score) - largest);
  return static_cast<double>(scores[label]) - largest - std::log(sum);
}

double Loss(std::span<const float> scores, size_t label, Scores kind) {
  const double score = static_cast<double>(scores[label]);
  const double log_probability = kind == Scores::logits          ? LogSoftmax(scores, label)
                                 : kind == Scores::probabilities ? std::log(std::max(score, 0.0))
                                                                 : score;
  return -std::max(log_probability, std::log(kLeastProbability));
}

// How many classes come before the label.
size_t RankOf(std::span<const float> scores, size_t label) {
  size_t rank = 0;
  for (size_t c = 0; c < scores.size(); ++c) {
    if (!(scores[c] < scores[label]) && (scores[c] != scores[label] || c < label)) {
      rank += c == label ? 0 : 1;
    }
  }
  return rank;
}

class Counter {
 public:
  explicit Counter(Scores kind) : kind_(kind) {}

  void Add(std::span<const float> scores, const Sample& sample) {
    if (sample.label < 0 || static_cast<size_t>(sample.label) >= scores.size()) {
      throw Error(sample.source + ": has class " + std::to_string(sample.label) +
                  ", but the network gives " + std::to_string(scores.size()) + " scores");
    }
    if (std::ranges::any_of(scores, [](float score) { return std::isnan(score); })) {
      throw Error(sample.source + ": the network gives NaN for this sample");
    }
    const auto label = static_cast<size_t>(sample.label);
    const size_t rank = RankOf(scores, label);
    top1_ += rank < 1 ? 1 : 0;
    top5_ += rank < 5 ? 1 : 0;
    loss_ += Loss(scores, label, kind_);
    ++count_;
  }

  size_t count() const { return count_; }

  Evaluation Result() const {
    const auto n = static_cast<double>(count_);
    return {count_, static_cast<double>(top1_) / n, static_cast<double>(top5_) / n, loss_ / n, {}};
  }

 private:
  Scores kind_;
  size_t count_ = 0, top1_ = 0, top5_ = 0;
  double loss_ = 0;
};

void RequireOneInput(size_t inputs, const std::string& path) {
  if (inputs != 1) {
    throw Error(path + ": has " + std::to_string(inputs) +
                " inputs; eval needs a classifier with one");
  }
}

// The operator that decides what the output's numbers mean, through those that only move them.
Scores KindOf(const Graph& graph) {
  std::string value = graph.outputs.at(0);
  while (const std::optional<size_t> producer = graph.Producer(value)) {
    const Node& node = graph.nodes[*producer];
    if (node.op == "Softmax") return Scores::probabilities;
    if (node.op == "LogSoftmax") return Scores::log_probabilities;
    const bool moves = node.op == "Reshape" || node.op == "Transpose" || node.op == "Identity" ||
                       node.op == "QuantizeLinear" || node.op == "DequantizeLinear";
    if (!moves) break;
    value = node.inputs[0];
  }
  return Scores::logits;
}

Scores KindOf(const schema::Model& model) {
  using schema::Options;
  uint16_t tensor = model.outputs()->Get(0)->tensor();
  for (auto i = model.operators()->size(); i-- > 0;) {
    const schema::Operator& op = *model.operators()->Get(i);
    if (op.outputs()->Get(0) != tensor) continue;
    if (const schema::Softmax* softmax = op.options_as_Softmax()) {
      return softmax->log() ? Scores::log_probabilities : Scores::probabilities;
    }
    const Options type = op.options_type();
    const bool moves = type == Options::Reshape || type == Options::Transpose ||
                       type == Options::Quantize || type == Options::Dequantize ||
                       type == Options::Requantize;
    if (!moves) break;
    tensor = op.inputs()->Get(0);
  }
  return Scores::logits;
}

// Stacks samples along the first dimension.
Tensor Stack(const std::vector<Tensor>& samples) {
  std::vector<int64_t> dims = samples[0].dims();
  dims[0] *= static_cast<int64_t>(samples.size());
  Tensor batch(DataType::float32, dims);
  size_t at = 0;
  for (const Tensor& sample : samples) {
    std::ranges::copy(sample.as<float>(), batch.as<float>().begin() + static_cast<ptrdiff_t>(at));
    at += sample.elements();
  }
  return batch;
}

class OnnxEvaluator {
 public:
  explicit OnnxEvaluator(const std::string& path, const ImportOptions& import)
      : path_(path), graph_(LoadGraph(path, import)), executor_(graph_) {
    RequireOneInput(graph_.inputs.size(), path);
    dims_ = *graph_.Info(graph_.inputs[0])->dims;
  }

  Evaluation Run(const Dataset& data, const EvaluationProgress& progress) {
    Counter counter(KindOf(graph_));
    std::vector<Tensor> inputs;
    std::vector<Sample> samples;
    size_t batch = dims_.empty() || dims_[0] != 1 ? 1 : kBatch;
    for (size_t i = 0; i < data.size(); ++i) {
      samples.push_back(data.Get(i));
      inputs.push_back(AsInput(samples.back(), dims_));
      if (inputs.size() < batch && i + 1 < data.size()) continue;
      if (!AddBatch(inputs, samples, counter)) {
        // The graph has its batch of 1 written into it.
        batch = 1;
        for (size_t s = 0; s < inputs.size(); ++s) AddBatch({inputs[s]}, {samples[s]}, counter);
      }
      inputs.clear();
      samples.clear();
      progress(counter.count(), data.size());
    }
    return counter.Result();
  }

 private:
  // False when several samples at once do not come out as so many rows of scores.
  bool AddBatch(const std::vector<Tensor>& inputs, const std::vector<Sample>& samples,
                Counter& counter) {
    TensorMap results;
    try {
      results = executor_.Run({{graph_.inputs[0], Stack(inputs)}},
                              [&](const std::string& value, const Tensor& tensor) {
                                RefuseNan(value, tensor, samples[0].source);
                              });
    } catch (const Error& error) {
      if (inputs.size() > 1) return false;
      throw Error(path_ + ": " + error.what());
    }
    const Tensor scores = results.at(graph_.outputs[0]).Cast(DataType::float32);
    const auto rows = static_cast<int64_t>(inputs.size());
    if (inputs.size() > 1 && (scores.rank() == 0 || scores.dims()[0] != rows)) return false;
    const size_t classes = scores.elements() / inputs.size();
    for (size_t s = 0; s < samples.size(); ++s) {
      counter.Add(scores.as<float>().subspan(s * classes, classes), samples[s]);
    }
    return true;
  }

  std::string path_;
  Graph graph_;
  FloatExecutor executor_;
  std::vector<int64_t> dims_;
};

Evaluation EvaluateLutra(const std::string& path, std::span<const uint8_t> file,
                         const Dataset& data, const EvaluationProgress& progress) {
  RuntimeSession session(file, path);
  const std::vector<lutra_port> inputs = session.Inputs();
  RequireOneInput(inputs.size(), path);
  ModelView view;
  if (const Status status = OpenContainer(file.data(), file.size(), &view); !status.ok()) {
    throw Error(path + ": " + status.message());
  }
  const std::vector<int64_t> dims(inputs[0].shape, inputs[0].shape + inputs[0].rank);
  Counter counter(KindOf(*view.model));
  for (size_t i = 0; i < data.size(); ++i) {
    const Sample sample = data.Get(i);
    session.Run({AsInput(sample, dims)});
    counter.Add(session.Output(0).as<float>(), sample);
    progress(i + 1, data.size());
  }
  return counter.Result();
}

}  // namespace

Evaluation Evaluate(const std::string& model_path, const ImportOptions& import, const Dataset& data,
                    const EvaluationProgress& progress) {
  const std::vector<uint8_t> file = ReadBytes(model_path);
  if (!data.labelled()) throw Error("eval needs labels, but the data has none");
  if (file.size() >= 8 && std::memcmp(file.data() + 4, "LUTR", 4) == 0) {
    return EvaluateLutra(model_path, file, data, progress);
  }
  return OnnxEvaluator(model_path, import).Run(data, progress);
}

}  // namespace lutra::converter
