#include "converter/quantize/balance.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "converter/executor/float_executor.h"
#include "converter/passes/rewrite.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/range.h"

namespace lutra::converter::quantize {
namespace {

// A channel smaller than this share of the largest is noise, or was not seen at work.
constexpr double kLargestFactor = 64;
// Data that calibration did not see may be larger.
constexpr double kHeadroom = 1.25;

// What makes a value: a convolution, and the function behind it.
struct Maker {
  const Node* conv = nullptr;
  const Node* function = nullptr;
};

Maker MakerOf(const Graph& graph, const std::string& value) {
  const auto producer = [&](const std::string& of) {
    const auto at = graph.Producer(of);
    return at ? &graph.nodes[*at] : nullptr;
  };
  Maker maker{producer(value)};
  if (maker.conv == nullptr) return {};
  if (IntegerFormOf(graph, *maker.conv).form == IntegerForm::table) {
    maker.function = maker.conv;
    const std::string between = ActivationInputs(graph, *maker.function)[0];
    maker.conv = producer(between);
    if (maker.conv == nullptr || maker.function->clamp || maker.conv->clamp ||
        graph.IsOutput(between) || graph.Consumers(between).size() != 1) {
      return {};
    }
  }
  const bool convolves = maker.conv->op == "Conv" && HasWeights(graph, *maker.conv);
  return convolves ? maker : Maker{};
}

// f(a x) = a f(x) for positive a.
bool PassesFactors(const Maker& maker) {
  if (maker.function != nullptr) return maker.function->op == "LeakyRelu";
  const Clamp clamp = maker.conv->clamp.value_or(Clamp{});
  return (clamp.lo == 0 || std::isinf(clamp.lo)) && (clamp.hi == 0 || std::isinf(clamp.hi));
}

bool TakesFactors(const LayerScheme& scheme) {
  return scheme.activations == ActivationType::integer && scheme.HasIntegers() &&
         scheme.granularity != Granularity::tensor;
}

// Channel ranges of the values over samples, channels last.
class ChannelRanges {
 public:
  void Add(const Tensor& tensor) {
    const auto channels = static_cast<size_t>(tensor.dims().back());
    ranges_.resize(channels);
    const auto values = tensor.as<float>();
    for (size_t i = 0; i < values.size(); ++i) {
      Range& range = ranges_[i % channels];
      range.lo = std::min(range.lo, static_cast<double>(values[i]));
      range.hi = std::max(range.hi, static_cast<double>(values[i]));
    }
  }

  // Such that scale and zero point suit all channels at once: with hi = 1 and lo = -below for all,
  // a channel of range lo .. hi is given steps of max(hi, -lo / below) * (1 + below) / 255. Of the
  // values for `below` the one with which these are smallest beside the channels' own ranges.
  std::vector<float> Factors() const {
    double best = std::numeric_limits<double>::infinity();
    std::vector<double> sizes;
    for (int i = -1; i <= 32; ++i) {
      const double below = i < 0 ? 0 : std::exp2(8 - i / 2.0);
      double cost = 0;
      std::vector<double> size;
      for (const Range& range : ranges_) {
        size.push_back(below == 0 && range.lo < 0
                           ? std::numeric_limits<double>::infinity()
                           : std::max(range.hi, below == 0 ? 0 : -range.lo / below));
        if (size.back() > 0) cost += std::log2(size.back() * (1 + below) / (range.hi - range.lo));
      }
      if (cost >= best) continue;
      best = cost;
      sizes = std::move(size);
    }
    const double largest = sizes.empty() ? 0 : *std::ranges::max_element(sizes);
    std::vector<float> factors;
    for (const double size : sizes) {
      const double factor = size > 0 ? largest / size : kLargestFactor;
      factors.push_back(static_cast<float>(std::clamp(factor / kHeadroom, 1.0, kLargestFactor)));
    }
    return factors;
  }

 private:
  std::vector<Range> ranges_;  // each holds 0
};

// The node's constant with rows of `row` elements, row i times factor(i), under a name of its own.
template <typename Factor>
void ScaleConstant(Graph& graph, Node& node, size_t input, size_t row, const Factor& factor) {
  const Tensor& constant = *graph.Constant(node.inputs[input]);
  std::vector<float> values = constant.ToFloats();
  for (size_t i = 0; i < values.size(); ++i) values[i] *= factor(i / row);
  node.inputs[input] = passes::AddInitializer(graph, node.inputs[input] + "_balanced",
                                              Tensor::Of(constant.dims(), std::move(values)));
}

void MultiplyOutputs(Graph& graph, Node& conv, const std::vector<float>& factors) {
  const Tensor& weights = *graph.Constant(conv.inputs[1]);
  const size_t row = weights.elements() / static_cast<size_t>(weights.dims()[0]);
  const auto factor = [&](size_t n) { return factors[n]; };
  ScaleConstant(graph, conv, 1, row, factor);
  if (!conv.Input(2).empty()) ScaleConstant(graph, conv, 2, 1, factor);
}

void DivideInputs(Graph& graph, Node& conv, const std::vector<float>& factors) {
  const Tensor& weights = *graph.Constant(conv.inputs[1]);
  const std::vector<int64_t> dims = weights.dims();  // [n][channels of a group][taps]
  const auto of_group = static_cast<size_t>(dims[1]);
  const size_t taps = weights.elements() / static_cast<size_t>(dims[0] * dims[1]);
  const size_t rows_of_group =
      static_cast<size_t>(dims[0]) / static_cast<size_t>(conv.Int("group", 1));
  ScaleConstant(graph, conv, 1, taps, [&](size_t i) {
    const size_t channel = i / of_group / rows_of_group * of_group + i % of_group;
    return 1 / factors[channel];
  });
}

std::string AddMul(Graph& graph, const std::string& value, size_t at, Layout layout,
                   const std::vector<float>& factors) {
  std::vector<int64_t> dims(graph.values.at(value).dims.value().size() - 1, 1);
  dims[layout == Layout::nhwc ? dims.size() - 1 : 0] = static_cast<int64_t>(factors.size());
  Node mul;
  mul.op = "Mul";
  mul.inputs = {value, passes::AddInitializer(graph, value + "_factors",
                                              Tensor::Of(dims, std::vector<float>(factors)))};
  mul.outputs = {graph.FreshName(value + "_balanced")};
  graph.values[mul.outputs[0]] = ValueInfo(graph.values.at(value));
  graph.ReplaceUses(value, mul.outputs[0]);
  graph.nodes.insert(graph.nodes.begin() + static_cast<ptrdiff_t>(at) + 1, mul);
  return mul.outputs[0];
}

}  // namespace

ChannelFactors ChooseFactors(const Graph& graph, const std::map<std::string, LayerScheme>& schemes,
                             const data::Dataset& data, const Progress& progress) {
  std::map<std::string, ChannelRanges> ranges;
  for (const Node& node : graph.nodes) {
    const std::string& value = node.Label();
    if (node.outputs.size() != 1 || graph.IsOutput(value)) continue;
    const std::vector<size_t> readers = graph.Consumers(value);
    const bool depthwise = !readers.empty() && std::ranges::all_of(readers, [&](size_t i) {
      const Node& reader = graph.nodes[i];
      return IsDepthwise(graph, reader) && TakesFactors(schemes.at(reader.Label()));
    });
    const Maker maker = depthwise ? MakerOf(graph, value) : Maker{};
    if (maker.conv == nullptr || !TakesFactors(schemes.at(maker.conv->Label()))) continue;
    if (maker.function != nullptr &&
        schemes.at(maker.function->Label()).activations != ActivationType::integer) {
      continue;
    }
    ranges.emplace(value, ChannelRanges());
  }
  ChannelFactors factors;
  if (ranges.empty() || graph.DataInputs() != 1) return factors;
  executor::FloatExecutor executor(graph);
  const std::string& input = graph.inputs[0];
  for (size_t i = 0; i < data.size(); ++i) {
    executor.Run({{input, data::AsInput(data.Get(i), *graph.Info(input)->dims)}},
                 [&](const std::string& value, const Tensor& tensor) {
                   const auto found = ranges.find(value);
                   if (found != ranges.end()) found->second.Add(tensor);
                 });
    if (progress) progress("channels", i + 1, data.size());
  }
  for (const auto& [value, range] : ranges) {
    std::vector<float> chosen = range.Factors();
    if (std::ranges::any_of(chosen, [](float x) { return x > 1; })) factors[value] = chosen;
  }
  return factors;
}

std::map<std::string, std::string> ApplyFactors(const ChannelFactors& factors, Graph& graph) {
  std::map<std::string, std::string> muls;
  for (const auto& [value, channels] : factors) {
    for (const size_t reader : graph.Consumers(value)) {
      DivideInputs(graph, graph.nodes[reader], channels);
    }
    const Maker maker = MakerOf(graph, value);
    Node& conv = graph.nodes[*graph.Producer(maker.conv->Label())];
    if (PassesFactors(maker)) {
      MultiplyOutputs(graph, conv, channels);
    } else {
      muls[value] = AddMul(graph, value, *graph.Producer(value), conv.layout, channels);
    }
  }
  return muls;
}

}  // namespace lutra::converter::quantize
