#include "converter/quantize/range_trials.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "converter/executor/float_executor.h"
#include "converter/graph/operator_table.h"
#include "converter/quantize/operators.h"

namespace lutra::converter::quantize {
namespace {

constexpr double kGain = 0.9;
// Samples: a few of large networks, whose values have many elements each.
constexpr size_t kFewestTrials = 4, kMostTrials = 16;
constexpr size_t kElements = size_t{1} << 24;

Tensor Rounded(const Tensor& tensor, const QuantParams& params) {
  std::vector<float> values = tensor.ToFloats();
  const auto low = static_cast<float>(-128 - params.zero_point);
  const auto high = static_cast<float>(127 - params.zero_point);
  for (float& x : values) {
    x = params.scale * std::nearbyint(std::clamp(x / params.scale, low, high));
  }
  return Tensor::Of(tensor.dims(), std::move(values));
}

// Noise over signal.
double RelativeError(const Tensor& exact, const Tensor& tried) {
  const std::vector<float> a = exact.ToFloats(), b = tried.ToFloats();
  double signal = 0, noise = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), d = x - static_cast<double>(b[i]);
    signal += x * x;
    noise += d * d;
  }
  return signal == 0 ? 0 : noise / signal;
}

class Trials {
 public:
  Trials(const Graph& graph, const std::map<std::string, std::vector<Range>>& candidates,
         const std::set<std::string>& integer_nodes)
      : graph_(graph) {
    for (const auto& [value, ranges] : candidates) {
      if (ranges.size() < 2 || graph.IsOutput(value)) continue;
      Value tried{ranges, {}, std::vector<double>(ranges.size())};
      for (const size_t reader : graph.Consumers(value)) {
        const Node& node = graph.nodes[reader];
        const bool computes = integer_nodes.contains(node.Label()) && node.op != "Softmax";
        if (!computes) {
          tried.readers.clear();
          break;
        }
        tried.readers.push_back(&node);
      }
      if (!tried.readers.empty()) values_.emplace(value, std::move(tried));
    }
  }

  bool empty() const { return values_.empty(); }

  void Try(const executor::TensorMap& exact) {
    for (auto& [value, tried] : values_) {
      for (size_t i = 0; i < tried.ranges.size(); ++i) {
        const Tensor rounded = Rounded(exact.at(value), ParamsOf(tried.ranges[i]));
        for (const Node* reader : tried.readers) {
          tried.errors[i] += ErrorAt(*reader, value, rounded, exact);
        }
      }
    }
  }

  std::map<std::string, size_t> Best() const {
    std::map<std::string, size_t> best;
    for (const auto& [value, tried] : values_) {
      const auto least = std::ranges::min_element(tried.errors);
      if (*least < kGain * tried.errors[0]) {
        best[value] = static_cast<size_t>(least - tried.errors.begin());
      }
    }
    return best;
  }

 private:
  struct Value {
    std::vector<Range> ranges;
    std::vector<const Node*> readers;
    std::vector<double> errors;  // by range
  };

  // What only moves elements shows the value's own error.
  double ErrorAt(const Node& reader, const std::string& value, const Tensor& rounded,
                 const executor::TensorMap& exact) const {
    if (IntegerFormOf(graph_, reader).form == IntegerForm::passive) {
      return RelativeError(exact.at(value), rounded);
    }
    std::vector<Tensor> inputs;
    for (const std::string& input : reader.inputs) {
      const Tensor* constant = input.empty() ? nullptr : graph_.Constant(input);
      inputs.push_back(input.empty()    ? Tensor()
                       : constant       ? *constant
                       : input == value ? rounded
                                        : exact.at(input));
    }
    return RelativeError(exact.at(reader.outputs[0]), executor::ExecuteNode(reader, inputs)[0]);
  }

  const Graph& graph_;
  std::map<std::string, Value> values_;
};

}  // namespace

std::map<std::string, size_t> TryRanges(const Graph& graph,
                                        const std::map<std::string, std::vector<Range>>& candidates,
                                        const std::set<std::string>& integer_nodes,
                                        const data::Dataset& data, const Progress& progress) {
  Trials trials(graph, candidates, integer_nodes);
  if (trials.empty()) return {};
  executor::FloatExecutor executor(graph);
  const std::string& input = graph.inputs[0];
  size_t samples = std::min(kMostTrials, data.size());
  for (size_t i = 0; i < samples; ++i) {
    executor::TensorMap exact;
    size_t elements = 0;
    const Tensor sample =
        data::AsInput(data.Get(i * data.size() / samples), *graph.Info(input)->dims);
    exact[input] = sample;
    executor.Run({{input, sample}}, [&](const std::string& value, const Tensor& tensor) {
      exact[value] = tensor;
      elements += tensor.elements();
    });
    trials.Try(exact);
    if (i == 0) samples = std::min(samples, std::max(kFewestTrials, kElements / elements));
    if (progress) progress("ranges", i + 1, samples);
  }
  return trials.Best();
}

}  // namespace lutra::converter::quantize
