#include "lowered.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "converter/executor/float_executor.h"
#include "converter/passes/passes.h"
#include "converter/quantize/quantize.h"
#include "converter/runtime_session.h"

namespace lutra::converter::test {
namespace {

class OneSample : public data::Dataset {
 public:
  OneSample(std::vector<int64_t> dims, std::vector<float> values)
      : tensor_(Tensor::Of(std::move(dims), std::move(values))) {}
  size_t size() const override { return 1; }
  bool labelled() const override { return false; }
  data::Sample Get(size_t) const override { return {tensor_, -1, "sample"}; }
  uint64_t Hash() const override { return 0; }

 private:
  Tensor tensor_;
};

}  // namespace

void GraphBuilder::Input(const std::string& name, std::vector<int64_t> dims) {
  graph.inputs.push_back(name);
  graph.values[name] = {DataType::float32, std::move(dims)};
}

void GraphBuilder::Floats(const std::string& name, std::vector<int64_t> dims,
                          std::vector<float> values) {
  graph.initializers[name] = Tensor::Of(std::move(dims), std::move(values));
}

void GraphBuilder::Ints(const std::string& name, std::vector<int64_t> values) {
  const auto count = static_cast<int64_t>(values.size());
  graph.initializers[name] = Tensor::Of({count}, std::move(values));
}

Node& GraphBuilder::Add(const std::string& op, std::vector<std::string> inputs,
                        std::vector<std::string> outputs) {
  Node node;
  node.op = op;
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  node.layout = Layout::nhwc;
  graph.nodes.push_back(std::move(node));
  return graph.nodes.back();
}

std::vector<float> OnGrid(size_t count, quantize::QuantParams params, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    int q = static_cast<int>(random() % 256) - 128;
    if (i == 0) q = -128;
    if (i == 1) q = 127;
    values[i] = params.scale * static_cast<float>(q - params.zero_point);
  }
  return values;
}

double Outcome::ErrorInSteps() const {
  double largest = wanted.size() == got.size() ? 0 : INFINITY;
  for (size_t i = 0; i < got.size() && i < wanted.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(wanted[i] - got[i])));
  }
  return largest / static_cast<double>(scale > 0 ? scale : 1.0F);
}

std::vector<std::string> Outcome::OperatorTypes() const {
  std::vector<std::string> types;
  for (const auto& op : model.writer.model.operators) {
    types.emplace_back(schema::EnumNameOptions(op->options.type));
  }
  return types;
}

Outcome Run(Graph graph, const std::vector<float>& input, const quantize::LayerScheme& scheme) {
  if (graph.outputs.empty()) graph.outputs = {graph.nodes.back().outputs[0]};
  passes::InferShapes(graph);
  const std::string& name = graph.inputs[0];
  const std::vector<int64_t> dims = *graph.Info(name)->dims;
  const OneSample data(dims, input);
  std::map<std::string, quantize::LayerScheme> schemes;
  for (const Node& node : graph.nodes) schemes[node.Label()] = scheme;
  Warnings warnings;
  const quantize::Quantization quantization =
      quantize::QuantizeGraph(graph, schemes, &data, {}, warnings);
  Outcome outcome{lowering::Lower(graph, quantization, {}), {}, {}};
  const std::vector<uint8_t> file = outcome.model.writer.Finish();
  RuntimeSession session(file, "test");
  const Tensor sample = Tensor::Of(dims, input);
  session.Run({sample});
  const Tensor got = session.Output(0);
  executor::FloatExecutor executor(graph);
  outcome.wanted = executor.Run({{name, sample}}).at(graph.outputs[0]).ToFloats();
  outcome.got = got.ToFloats();
  const lutra_port port = session.Outputs()[0];
  outcome.scale = port.native_type == LUTRA_INT8 ? port.scale : 0;
  return outcome;
}

}  // namespace lutra::converter::test
