#include "converter/quantize/calibrate.h"

#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/graph/check_finite.h"
#include "converter/quantize/data_check.h"
#include "converter/quantize/layer_name.h"

namespace lutra::converter::quantize {
namespace {

constexpr size_t kNamedLayers = 3;

void WarnOfZeros(const Graph& graph, const std::map<std::string, Histogram>& histograms,
                 Warnings& warnings) {
  std::string names;
  size_t count = 0;
  for (const Node& node : graph.nodes) {
    const auto found = histograms.find(node.Label());
    if (found == histograms.end() || found->second.zeros() != found->second.count()) continue;
    if (++count <= kNamedLayers) names += (count == 1 ? "'" : ", '") + LayerName(graph, node) + "'";
  }
  if (count == 0) return;
  if (count > kNamedLayers) names += " and " + std::to_string(count - kNamedLayers) + " more";
  warnings.Add("the output of " + names +
               " is 0 for every calibration sample, so its range is unknown; check scale, mean and "
               "std of the data, or give samples that make it other than 0");
}

}  // namespace

std::map<std::string, Histogram> Calibrate(const Graph& graph, const std::set<std::string>& values,
                                           const data::Dataset& data, const Progress& progress,
                                           Warnings& warnings, bool takes_bytes,
                                           const ValueObserver& also) {
  if (graph.DataInputs() != 1) {
    throw Error("calibration needs a network with one input, this one has " +
                std::to_string(graph.DataInputs()));
  }
  if (data.size() == 0) throw Error("the calibration data holds no samples");
  const std::string& input = graph.inputs[0];
  const ValueInfo* info = graph.Info(input);
  if (info == nullptr || !info->dims) throw Error("input '" + input + "' has no known shape");
  std::map<std::string, Histogram> histograms;
  DataCheck check;
  executor::FloatExecutor executor(graph);
  for (size_t i = 0; i < data.size(); ++i) {
    const data::Sample sample = data.Get(i);
    const auto observe = [&](const std::string& value, const Tensor& tensor) {
      RefuseNan(value, tensor, sample.source);
      if (also) also(value, tensor, i);
      if (!values.contains(value) || !IsFloating(tensor.type())) return;
      try {
        if (tensor.type() == DataType::float32) {
          histograms[value].Add(tensor.as<float>());
        } else {
          histograms[value].Add(tensor.ToFloats());
        }
      } catch (const Error&) {
        throw Error("value '" + value + "' is infinite for sample " + sample.source +
                    ": numbers overflow, or a mask adds -Inf (a large negative number does, too)");
      }
    };
    const Tensor tensor = data::AsInput(sample, *info->dims);
    check.AddSample(tensor.as<float>());
    executor.Run({{input, tensor}}, observe);
    if (progress) progress("calibrate", i + 1, data.size());
  }
  Warnings of_data;
  check.Report(data, takes_bytes, of_data);
  // Where the data itself is at fault, what layers make of it says nothing more.
  if (of_data.empty()) WarnOfZeros(graph, histograms, of_data);
  warnings.Add(of_data);
  return histograms;
}

}  // namespace lutra::converter::quantize
