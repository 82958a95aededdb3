#include "converter/quantize/calibrate.h"

#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/graph/check_finite.h"

namespace lutra::converter {

std::map<std::string, Histogram> Calibrate(const Graph& graph, const std::set<std::string>& values,
                                           const Dataset& data, const Progress& progress) {
  if (graph.inputs.size() != 1) {
    throw Error("calibration needs a network with one input, this one has " +
                std::to_string(graph.inputs.size()));
  }
  if (data.size() == 0) throw Error("the calibration data holds no samples");
  const std::string& input = graph.inputs[0];
  const ValueInfo* info = graph.Info(input);
  if (info == nullptr || !info->dims) throw Error("input '" + input + "' has no known shape");
  std::map<std::string, Histogram> histograms;
  FloatExecutor executor(graph);
  for (size_t i = 0; i < data.size(); ++i) {
    const Sample sample = data.Get(i);
    const auto observe = [&](const std::string& value, const Tensor& tensor) {
      RefuseNan(value, tensor, sample.source);
      if (!values.contains(value) || !IsFloating(tensor.type())) return;
      try {
        if (tensor.type() == DataType::float32) {
          histograms[value].Add(tensor.as<float>());
        } else {
          histograms[value].Add(tensor.ToFloats());
        }
      } catch (const Error&) {
        throw Error("value '" + value + "' is infinite for sample " + sample.source);
      }
    };
    executor.Run({{input, AsInput(sample, *info->dims)}}, observe);
    if (progress) progress("calibrate", i + 1, data.size());
  }
  return histograms;
}

}  // namespace lutra::converter
