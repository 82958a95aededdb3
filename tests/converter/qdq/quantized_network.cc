#include "quantized_network.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/runtime_session.h"
#include "schema/container.h"
#include "support/read_bytes.h"
#include "support/temp_folder.h"

namespace lutra::converter::test {
namespace {

using ::lutra::test::ReadBytes;

constexpr int64_t kOpset = 13;
constexpr size_t kSamples = 8;

void ReadFile(const std::vector<uint8_t>& file, ImportedRun& run) {
  ModelView view;
  if (!OpenContainer(file.data(), file.size(), &view).ok()) throw Error("not readable");
  for (const schema::Tensor* tensor : *view.model->tensors()) {
    if (tensor->type() != schema::TensorType::int8) continue;
    const std::string name = tensor->name() ? tensor->name()->str() : "";
    run.tensors[name.empty() ? "#" + std::to_string(run.tensors.size()) : name] = {
        tensor->scale(), tensor->zero_point()};
  }
  for (const schema::Operator* op : *view.model->operators()) {
    const auto* conv = op->options_as_Conv();
    const auto* linear = op->options_as_Linear();
    const schema::Weights* weights = conv ? conv->weights() : linear ? linear->weights() : nullptr;
    if (weights == nullptr) continue;
    const size_t n = view.BlobBytes(weights->params()) / (weights->has_zero_points() ? 9 : 8);
    std::vector<float> multipliers(n);
    // They stand behind the biases.
    std::memcpy(multipliers.data(), view.Blob(weights->params()) + 4 * n, 4 * n);
    run.multipliers.push_back(std::move(multipliers));
  }
}

}  // namespace

QuantizedNetwork::QuantizedNetwork(std::vector<int64_t> input_dims) : dims_(std::move(input_dims)) {
  model_.set_ir_version(onnx::IR_VERSION_2020_5_8);
  for (const char* domain : {"", "com.microsoft"}) {
    auto& opset = *model_.add_opset_import();
    opset.set_domain(domain);
    opset.set_version(*domain == 0 ? kOpset : 1);
  }
  model_.mutable_graph()->set_name("quantized");
  qdq::AddValueInfo(*model_.mutable_graph()->add_input(), "x", dims_);
}

std::string QuantizedNetwork::Next(const std::string& stem) {
  return stem + "_" + std::to_string(count_++);
}

std::string QuantizedNetwork::Add(const std::string& op, const std::vector<std::string>& inputs,
                                  const Attributes& attributes, const std::string& domain) {
  std::string output = Next(op);
  onnx::NodeProto& node = qdq::AddNode(*model_.mutable_graph(), op, inputs, output);
  node.set_domain(domain);
  for (const auto& [name, value] : attributes) qdq::AddAttribute(node, name, value);
  return output;
}

std::vector<std::string> QuantizedNetwork::Parameters(Format format) {
  onnx::GraphProto& graph = *model_.mutable_graph();
  Tensor zero_point(format.type, {});
  if (format.type == DataType::uint8) {
    zero_point.as<uint8_t>()[0] = static_cast<uint8_t>(format.zero_point);
  } else {
    zero_point = Tensor::Of({}, std::vector<int64_t>{format.zero_point}).Cast(format.type);
  }
  return {qdq::AddScalar(graph, Next("scale"), format.scale),
          qdq::AddTensor(graph, Next("zero_point"), zero_point)};
}

std::string QuantizedNetwork::Quantize(const std::string& value, Format format) {
  const auto parameters = Parameters(format);
  return Add("QuantizeLinear", {value, parameters[0], parameters[1]});
}

std::string QuantizedNetwork::Dequantize(const std::string& value, Format format) {
  const auto parameters = Parameters(format);
  return Add("DequantizeLinear", {value, parameters[0], parameters[1]});
}

std::string QuantizedNetwork::Pair(const std::string& value, Format format) {
  return Dequantize(Quantize(value, format), format);
}

std::string QuantizedNetwork::Floats(std::vector<int64_t> dims, std::vector<float> values) {
  return qdq::AddTensor(*model_.mutable_graph(), Next("floats"),
                        Tensor::Of(std::move(dims), std::move(values)));
}

std::string QuantizedNetwork::Ints(std::vector<int64_t> values) {
  const auto count = static_cast<int64_t>(values.size());
  return qdq::AddTensor(*model_.mutable_graph(), Next("ints"),
                        Tensor::Of({count}, std::move(values)));
}

std::string QuantizedNetwork::Integer(const Tensor& value) {
  return qdq::AddTensor(*model_.mutable_graph(), Next("integer"), value);
}

std::string QuantizedNetwork::RandomFloats(std::vector<int64_t> dims, double deviation) {
  std::normal_distribution<double> normal(0, deviation);
  std::vector<float> values(ElementCount(dims));
  for (float& value : values) value = static_cast<float>(normal(random_));
  return Floats(std::move(dims), std::move(values));
}

QuantizedNetwork::Weights QuantizedNetwork::RandomWeights(std::vector<int64_t> dims, int64_t axis,
                                                          DataType type, int zero_point) {
  onnx::GraphProto& graph = *model_.mutable_graph();
  std::vector<int64_t> integers(ElementCount(dims));
  for (int64_t& q : integers) {
    const int64_t wide = static_cast<int64_t>(random_() % 256) - 128;
    q = type == DataType::uint8 ? wide + 128 : wide;
  }
  const size_t channels = axis < 0 ? 1 : static_cast<size_t>(dims[static_cast<size_t>(axis)]);
  std::vector<float> scales(channels);
  for (float& scale : scales) scale = 0.001F + 0.0001F * static_cast<float>(random_() % 64);
  const std::vector<int64_t> shape =
      axis < 0 ? std::vector<int64_t>{} : std::vector<int64_t>{static_cast<int64_t>(channels)};
  Weights weights;
  weights.integers = qdq::AddTensor(graph, Next("weight"),
                                    Tensor::Of(std::move(dims), std::move(integers)).Cast(type));
  weights.scale = qdq::AddTensor(graph, Next("weight_scale"), Tensor::Of(shape, scales));
  weights.zero_point =
      qdq::AddTensor(graph, Next("weight_zero_point"),
                     Tensor::Of(shape, std::vector<int64_t>(channels, zero_point)).Cast(type));
  scales_[weights.scale] = std::move(scales);
  return weights;
}

std::string QuantizedNetwork::Dequantize(const Weights& weights, int64_t axis) {
  return Add("DequantizeLinear", {weights.integers, weights.scale, weights.zero_point},
             axis < 0 ? Attributes{} : Attributes{{"axis", axis}});
}

std::string QuantizedNetwork::RandomBias(int64_t n) {
  std::vector<int64_t> integers(static_cast<size_t>(n));
  for (int64_t& q : integers) q = static_cast<int64_t>(random_() % 20001) - 10000;
  return qdq::AddTensor(*model_.mutable_graph(), Next("bias"),
                        Tensor::Of({n}, std::move(integers)).Cast(DataType::int32));
}

std::string QuantizedNetwork::DequantizedBias(const Weights& weights, float input_scale,
                                              int64_t n) {
  std::vector<float> scales = scales_.at(weights.scale);
  for (float& scale : scales) scale *= input_scale;
  const bool one = scales.size() == 1;
  const std::string scale =
      Floats(one ? std::vector<int64_t>{} : std::vector<int64_t>{n}, std::move(scales));
  return Add("DequantizeLinear", {RandomBias(n), scale},
             one ? Attributes{} : Attributes{{"axis", int64_t{0}}});
}

void QuantizedNetwork::Output(const std::string& value, DataType type) {
  onnx::ValueInfoProto& info = *model_.mutable_graph()->add_output();
  info.set_name(value);
  info.mutable_type()->mutable_tensor_type()->set_elem_type(static_cast<int32_t>(type));
}

bool ImportedRun::HasFormat(float scale, int int8_zero_point) const {
  return std::ranges::any_of(tensors, [&](const auto& entry) {
    return entry.second.first == scale && entry.second.second == int8_zero_point;
  });
}

ImportedRun ImportAndRun(const QuantizedNetwork& network) {
  const ::lutra::test::TempFolder folder;
  const std::string path = folder / "network.onnx";
  const std::string bytes = network.Serialize();
  std::ofstream(path, std::ios::binary) << bytes;
  ConvertOptions options;
  options.model_path = path;
  options.output_path = folder / "network.lutra";
  ImportedRun run;
  run.report = Convert(options, nullptr);
  const std::vector<uint8_t> file = ReadBytes(options.output_path);
  ReadFile(file, run);

  RuntimeSession session(file, "imported");
  // No pass has touched this one.
  const Graph graph = importing::ImportOnnxBytes(bytes, path, {});
  executor::FloatExecutor executor(graph);
  const lutra_port port = session.Outputs()[0];
  const double step = port.native_type == LUTRA_INT8 ? static_cast<double>(port.scale) : 1;
  std::mt19937 random(11);
  std::normal_distribution<float> normal(0, 1.2F);
  size_t count = 0, differing = 0;
  for (size_t sample = 0; sample < kSamples; ++sample) {
    std::vector<float> values(ElementCount(network.dims()));
    for (float& value : values) value = normal(random);
    const Tensor x = Tensor::Of(network.dims(), std::move(values));
    session.Run({x});
    const std::vector<float> got = session.Output(0).ToFloats();
    const Tensor result = executor.Run({{"x", x}}).at(graph.outputs[0]);
    std::vector<float> wanted = result.ToFloats();
    if (!IsFloating(result.type())) {
      // A quantized output is dequantized for the caller.
      const int shift = result.type() == DataType::uint8 ? 128 : 0;
      for (float& value : wanted) {
        value = port.scale * (value - static_cast<float>(shift + port.zero_point));
      }
    }
    if (got.size() != wanted.size()) throw Error("the output has another size");
    for (size_t i = 0; i < got.size(); ++i) {
      const double error = std::fabs(static_cast<double>(got[i] - wanted[i])) / step;
      run.error_in_steps = std::max(run.error_in_steps, error);
      differing += error > 0.5 ? 1 : 0;
      ++count;
    }
  }
  run.differing = static_cast<double>(differing) / static_cast<double>(count);
  return run;
}

std::string ImportFailure(const QuantizedNetwork& network) {
  try {
    ImportAndRun(network);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace lutra::converter::test
