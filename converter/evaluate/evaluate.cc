#include "converter/evaluate/evaluate.h"

#include <algorithm>
#include <cstring>

#include "converter/data/stack.h"
#include "converter/error.h"
#include "converter/evaluate/scores.h"
#include "converter/executor/float_executor.h"
#include "converter/files.h"
#include "converter/graph/check_finite.h"
#include "converter/load_graph.h"
#include "converter/runtime_session.h"
#include "schema/container.h"

namespace lutra::converter::evaluate {
namespace {

constexpr size_t kBatch = 16;

void RequireOneInput(size_t inputs, const std::string& path) {
  if (inputs != 1) {
    throw Error(path + ": has " + std::to_string(inputs) +
                " inputs; eval needs a network with one");
  }
}

ScoreKind KindOf(const schema::Model& model, size_t output) {
  using schema::Options;
  uint16_t tensor = model.outputs()->Get(static_cast<uint32_t>(output))->tensor();
  for (auto i = model.operators()->size(); i-- > 0;) {
    const schema::Operator& op = *model.operators()->Get(i);
    if (op.outputs()->Get(0) != tensor) continue;
    if (const schema::Softmax* softmax = op.options_as_Softmax()) {
      return softmax->log() ? ScoreKind::log_probabilities : ScoreKind::probabilities;
    }
    const Options type = op.options_type();
    const bool moves = type == Options::Reshape || type == Options::Transpose ||
                       type == Options::Quantize || type == Options::Dequantize ||
                       type == Options::Requantize;
    if (!moves) break;
    tensor = op.inputs()->Get(0);
  }
  return ScoreKind::logits;
}

// What becomes of the output of one sample after another. `dims` are for one.
using Take = std::function<void(std::span<const float> output, const std::vector<int64_t>& dims,
                                const data::Sample& sample)>;

size_t ChooseOutputFor(const EvaluationOptions& options, const std::vector<NamedShape>& outputs,
                       int64_t batch, const data::Sample& first, const std::string& path,
                       Warnings& warnings) {
  if (!options.metric) return ChooseScores(outputs, batch, options.scores, path, warnings);
  return ChooseOutput(outputs, batch, options.scores, first.target.dims(), *options.metric, path);
}

// How many samples a network takes at once because its first dimension says so, 1 otherwise.
int64_t FixedBatch(const data::Sample& sample, const std::vector<int64_t>& dims) {
  if (dims.size() < 2 || dims[0] < 2) return 1;
  int64_t elements = 1;
  for (const int64_t d : dims) elements *= d;
  return static_cast<int64_t>(sample.input.elements()) * dims[0] == elements ? dims[0] : 1;
}

std::vector<int64_t> WithBatch(std::vector<int64_t> dims, int64_t batch) {
  if (!dims.empty()) dims[0] = batch;
  return dims;
}

// Rows of one output of a run, of which `samples` may be fewer.
void TakeRows(const Tensor& output, size_t rows, const std::vector<data::Sample>& samples,
              const Take& take) {
  const size_t length = output.elements() / rows;
  const std::vector<int64_t> dims = rows > 1 ? WithBatch(output.dims(), 1) : output.dims();
  for (size_t s = 0; s < samples.size(); ++s) {
    take(output.as<float>().subspan(s * length, length), dims, samples[s]);
  }
}

class OnnxNetwork {
 public:
  OnnxNetwork(std::span<const uint8_t> file, const std::string& path,
              const EvaluationOptions& options, const data::Sample& first, Warnings& warnings)
      : path_(path), graph_(LoadGraph(file, path, options.import)), executor_(graph_) {
    RequireOneInput(graph_.inputs.size(), path);
    const ValueInfo& input = *graph_.Info(graph_.inputs[0]);
    dims_ = *input.dims;
    type_ = input.type;
    fixed_ = FixedBatch(first, dims_);
    std::vector<NamedShape> outputs;
    for (const std::string& name : graph_.outputs) {
      outputs.push_back({name, graph_.Info(name)->dims.value_or(std::vector<int64_t>{})});
    }
    output_ = outputs[ChooseOutputFor(options, outputs, fixed_, first, path, warnings)].name;
  }

  const std::string& output() const { return output_; }
  ScoreKind kind() const { return ScoreKindOf(graph_, output_); }

  void Run(const data::Dataset& data, const EvaluationOptions& options, const Take& take) {
    size_t done = 0;
    const std::vector<int64_t> sample_dims = fixed_ > 1 ? WithBatch(dims_, 1) : dims_;
    std::vector<Tensor> inputs;
    std::vector<data::Sample> samples;
    size_t batch = fixed_ > 1                       ? static_cast<size_t>(fixed_)
                   : dims_.empty() || dims_[0] != 1 ? 1
                                                    : kBatch;
    for (size_t i = 0; i < data.size(); ++i) {
      samples.push_back(data.Get(i));
      inputs.push_back(data::AsInput(samples.back(), sample_dims));
      if (inputs.size() < batch && i + 1 < data.size()) continue;
      while (fixed_ > 1 && inputs.size() < batch) inputs.push_back(inputs.back());
      if (!RunBatch(inputs, samples, take)) {
        // The graph has its batch of 1 written into it.
        batch = 1;
        for (size_t s = 0; s < inputs.size(); ++s) RunBatch({inputs[s]}, {samples[s]}, take);
      }
      done += samples.size();
      inputs.clear();
      samples.clear();
      options.progress(done, data.size());
    }
  }

 private:
  // False when several samples at once do not come out as so many rows. Inputs may be more than
  // samples, where a fixed batch is filled up.
  bool RunBatch(const std::vector<Tensor>& inputs, const std::vector<data::Sample>& samples,
                const Take& take) {
    const bool retry = inputs.size() > 1 && fixed_ == 1;
    executor::TensorMap results;
    try {
      results = executor_.Run({{graph_.inputs[0], data::Stack(inputs).Cast(type_)}},
                              [&](const std::string& value, const Tensor& tensor) {
                                RefuseNan(value, tensor, samples[0].source);
                              });
    } catch (const Error& error) {
      if (retry) return false;
      throw Error(path_ + ": " + error.what());
    }
    const Tensor scores = results.at(output_).Cast(DataType::float32);
    const auto rows = static_cast<int64_t>(inputs.size());
    if (retry && (scores.rank() == 0 || scores.dims()[0] != rows)) return false;
    TakeRows(scores, inputs.size(), samples, take);
    return true;
  }

  std::string path_, output_;
  Graph graph_;
  executor::FloatExecutor executor_;
  std::vector<int64_t> dims_;
  DataType type_ = DataType::float32;
  int64_t fixed_ = 1;
};

// Pixels in the order of the port's tensor, from values in that of the ONNX graph.
std::vector<uint8_t> NativePixels(const Tensor& values, const schema::Port& port,
                                  const lutra_port& shape) {
  const std::span<const float> from = values.as<float>();
  std::vector<uint8_t> pixels(from.size());
  std::vector<size_t> stride(shape.rank, 1);  // in the tensor, by ONNX dimension
  for (size_t d = 0; d < shape.rank; ++d) {
    const bool moved = port.permutation() != nullptr && port.permutation()->size() != 0;
    const size_t native = moved ? port.permutation()->Get(static_cast<uint32_t>(d)) : d;
    for (size_t inner = native + 1; inner < shape.native_rank; ++inner) {
      stride[d] *= static_cast<size_t>(shape.native_shape[inner]);
    }
  }
  std::vector<int32_t> index(shape.rank);
  for (const float value : from) {
    size_t at = 0;
    for (size_t d = 0; d < shape.rank; ++d) at += static_cast<size_t>(index[d]) * stride[d];
    pixels[at] = static_cast<uint8_t>(value);
    for (size_t d = shape.rank; d-- > 0 && ++index[d] == shape.shape[d];) index[d] = 0;
  }
  return pixels;
}

class LutraModel {
 public:
  LutraModel(std::span<const uint8_t> file, const std::string& path,
             const EvaluationOptions& options, const data::Sample& first, Warnings& warnings)
      : session_(file, path), inputs_(session_.Inputs()) {
    RequireOneInput(inputs_.size(), path);
    if (const Status status = OpenContainer(file.data(), file.size(), &view_); !status.ok()) {
      throw Error(path + ": " + status.message());
    }
    dims_.assign(inputs_[0].shape, inputs_[0].shape + inputs_[0].rank);
    batch_ = FixedBatch(first, dims_);
    std::vector<NamedShape> outputs;
    for (const lutra_port& port : session_.Outputs()) {
      outputs.push_back({port.name, {port.shape, port.shape + port.rank}});
    }
    index_ = ChooseOutputFor(options, outputs, batch_, first, path, warnings);
    output_ = outputs[index_].name;
  }

  const std::string& output() const { return output_; }
  ScoreKind kind() const { return KindOf(*view_.model, index_); }

  void Run(const data::Dataset& data, const EvaluationOptions& options, const Take& take) {
    const std::vector<int64_t> sample_dims = batch_ > 1 ? WithBatch(dims_, 1) : dims_;
    // The model has scale, mean and std in its table; data that brings its own goes past it.
    const bool pixels = inputs_[0].accepts_uint8 != 0 && data.pixels();
    std::vector<data::Sample> samples;
    std::vector<Tensor> values;
    for (size_t i = 0; i < data.size(); ++i) {
      samples.push_back(data.Get(i));
      values.push_back(data::AsInput(samples.back(), sample_dims));
      if (static_cast<int64_t>(values.size()) < batch_ && i + 1 < data.size()) continue;
      while (static_cast<int64_t>(values.size()) < batch_) values.push_back(values.back());
      const Tensor input = batch_ > 1 ? data::Stack(values) : values[0];
      if (pixels) {
        session_.RunPixels(NativePixels(input, *view_.model->inputs()->Get(0), inputs_[0]));
      } else {
        session_.Run({input});
      }
      TakeRows(session_.Output(index_), static_cast<size_t>(batch_), samples, take);
      values.clear();
      samples.clear();
      options.progress(i + 1, data.size());
    }
  }

 private:
  RuntimeSession session_;
  const std::vector<lutra_port> inputs_;
  ModelView view_;
  std::vector<int64_t> dims_;
  int64_t batch_ = 1;
  size_t index_ = 0;
  std::string output_;
};

template <typename Network>
Evaluation Measure(std::span<const uint8_t> file, const std::string& path,
                   const EvaluationOptions& options, const data::Dataset& data) {
  Evaluation result;
  Network network(file, path, options, data.Get(0), result.warnings);
  if (options.metric) {
    MetricOf metric(*options.metric, data.size());
    network.Run(data, options,
                [&](std::span<const float> output, const std::vector<int64_t>& dims,
                    const data::Sample& sample) {
                  metric.Add(output, dims, sample.target, sample.source);
                });
    result.count = metric.count();
    result.metric = metric.Value();
    return result;
  }
  ScoreCounter counter(network.kind(), network.output());
  network.Run(data, options,
              [&](std::span<const float> scores, const std::vector<int64_t>&,
                  const data::Sample& sample) { counter.Add(scores, sample); });
  result.count = counter.count();
  result.classes = counter.classes();
  result.top1 = counter.Top1();
  result.top5 = counter.Top5();
  result.loss = counter.Loss();
  return result;
}

}  // namespace

Evaluation Evaluate(const std::string& model_path, const EvaluationOptions& options,
                    const data::Dataset& data) {
  return Evaluate(ReadBytes(model_path), model_path, options, data);
}

Evaluation Evaluate(std::span<const uint8_t> file, const std::string& model_path,
                    const EvaluationOptions& options, const data::Dataset& data) {
  if (options.metric && !data.has_targets()) {
    throw Error("--metric " + options.metric->name() +
                " needs targets, but the data has none: give --targets FILE.npy");
  }
  if (!options.metric && !data.labelled()) {
    throw Error(
        "eval needs labels, but the data has none; a network that classifies nothing is "
        "measured with --targets FILE.npy and --metric");
  }
  const bool is_lutra = file.size() >= 8 && std::memcmp(file.data() + 4, "LUTR", 4) == 0;
  Evaluation result = is_lutra ? Measure<LutraModel>(file, model_path, options, data)
                               : Measure<OnnxNetwork>(file, model_path, options, data);
  Warnings warnings = data.warnings();
  if (const size_t folders = data.class_folders(); folders != 0 && folders < result.classes) {
    warnings.Add("the data has " + std::to_string(folders) + " class folders, but " + model_path +
                 " gives " + std::to_string(result.classes) +
                 " scores: where a class has no folder, the labels behind it are shifted; make a "
                 "folder for each, or give the classes by format list");
  }
  warnings.Add(result.warnings);
  result.warnings = std::move(warnings);
  return result;
}

}  // namespace lutra::converter::evaluate
