#include "converter/budget/activations.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <span>

#include "converter/budget/divide.h"
#include "converter/budget/sensitivity.h"
#include "converter/data/subset.h"
#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/quantize/layer_name.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/tails.h"
#include "converter/quantize/weight_quantizer.h"
#include "converter/runtime_session.h"

namespace lutra::converter::budget {
namespace {

using quantize::ActivationType;
using quantize::LayerScheme;
using quantize::Quantization;

// A few samples tell which values matter; more are for whether the goal is reached.
constexpr size_t kRankingSamples = 4, kMostJudged = 32;

// The float network's outputs on some samples, and how far a model file is from them.
class Judge {
 public:
  Judge(const Graph& graph, const data::Dataset& data, const quantize::Progress& progress) {
    executor::FloatExecutor executor(graph);
    const std::string& input = graph.inputs[0];
    const size_t samples = std::min(kMostJudged, data.size());
    for (size_t i = 0; i < samples; ++i) {
      inputs_.push_back(
          data::AsInput(data.Get(i * data.size() / samples), *graph.Info(input)->dims));
      const executor::TensorMap outputs = executor.Run({{input, inputs_.back()}});
      std::vector<std::vector<float>>& exact = exact_.emplace_back();
      for (const std::string& name : graph.outputs) exact.push_back(outputs.at(name).ToFloats());
      if (progress) progress("activations: FP32", i + 1, samples);
    }
  }

  size_t samples() const { return inputs_.size(); }

  /// Noise by signal of the worst output on the first so many samples.
  double Noise(std::span<const uint8_t> file, size_t samples) const {
    RuntimeSession session(file, "a model of the search");
    std::vector<double> signal(exact_[0].size()), noise(exact_[0].size());
    for (size_t s = 0; s < std::min(samples, inputs_.size()); ++s) {
      session.Run({inputs_[s]});
      for (size_t o = 0; o < signal.size(); ++o) {
        const Tensor output = session.Output(o);
        const std::span<const float> got = output.as<float>();
        for (size_t i = 0; i < got.size(); ++i) {
          const double wanted = static_cast<double>(exact_[s][o][i]);
          const double error = wanted - static_cast<double>(got[i]);
          signal[o] += wanted * wanted;
          noise[o] += error * error;
        }
      }
    }
    double worst = 0;
    for (size_t o = 0; o < signal.size(); ++o) {
      worst = std::max(worst, noise[o] == 0 ? 0 : signal[o] == 0 ? 1 : noise[o] / signal[o]);
    }
    return worst;
  }

 private:
  std::vector<Tensor> inputs_;
  std::vector<std::vector<std::vector<float>>> exact_;  // sample, output
};

double Decibels(double noise) {
  return noise == 0 ? std::numeric_limits<double>::infinity() : -10 * std::log10(noise);
}

// Something to compute in more bits: the nodes that do so then.
struct Candidate {
  std::set<std::string> labels;
  std::string name;
  double cost = 0, gain = 0;
};

class ActivationSearch {
 public:
  ActivationSearch(const Graph& graph, const Schemes& schemes, const SqnrGoal& goal,
                   const data::Dataset& calibration, const data::Dataset& held_out,
                   const Build& build, const quantize::Progress& progress)
      : graph_(graph),
        given_(schemes),
        goal_(goal),
        build_(build),
        progress_(progress),
        judge_(graph, held_out, progress) {
    Warnings of_a_part;  // of all the data they are said in the end
    observation_ = quantize::ObserveGraph(graph, schemes, &calibration, progress, of_a_part);
    formats_ = quantize::FormatsOf(graph, schemes, observation_);
    QuantizeWeights();
  }

  Raised Run() {
    Raised raised;
    raised.report.wanted_db = goal_.db;
    raised.report.samples = judge_.samples();
    double noise = NoiseOf(given_, judge_.samples());
    raised.report.int8_db = Decibels(noise);
    Schemes best = given_;
    if (Decibels(noise) < goal_.db) {
      std::vector<Candidate> values = Values();
      raised.report.values = values.size();
      const size_t count = Raise(values, "int16", best, noise, [](LayerScheme& scheme) {
        scheme.activations = ActivationType::wide;
      });
      for (const Candidate& value : std::span(values).first(count)) {
        raised.report.chosen.push_back({value.name, value.gain, ProductsIn(value)});
      }
    }
    if (Decibels(noise) < goal_.db && !Stopping()) {
      std::vector<Candidate> layers = Layers(best);
      const size_t count = Raise(layers, "float", best, noise, [](LayerScheme& scheme) {
        static_cast<WeightFormat&>(scheme) = WeightFormat{.kind = WeightKind::fp16};
        scheme.activations = ActivationType::float_;
      });
      for (const Candidate& layer : std::span(layers).first(count)) {
        raised.report.float_layers.push_back(layer.name);
      }
    }
    raised.report.reached_db = Decibels(noise);
    raised.schemes = std::move(best);
    return raised;
  }

 private:
  bool Stopping() const { return goal_.stop && goal_.stop(); }

  // Once for all trials: what activations are makes next to no difference to their rounding.
  void QuantizeWeights() {
    for (const Node& node : graph_.nodes) {
      const LayerScheme& scheme = given_.at(node.Label());
      if (!quantize::HasIntegerWeights(graph_, node, scheme)) continue;
      const auto moments = observation_.moments.find(node.Label());
      quantize::LayerWeights layer = quantize::QuantizeLayer(
          graph_, node, scheme, formats_,
          moments == observation_.moments.end() ? nullptr : &moments->second);
      if (formats_.IsInteger(node)) {
        const double unit = static_cast<double>(formats_.Params(node.inputs[0])->scale);
        for (size_t n = 0; n < layer.bias.size(); ++n) {
          layer.float_bias.push_back(static_cast<float>(
              layer.bias[n] * unit * static_cast<double>(layer.weights.scale[n])));
        }
      }
      weights_[node.Label()] = std::move(layer);
    }
  }

  Quantization With(const Schemes& schemes) const {
    Quantization quantization = quantize::FormatsOf(graph_, schemes, observation_);
    for (const Node& node : graph_.nodes) {
      const std::string& label = node.Label();
      if (!quantize::HasIntegerWeights(graph_, node, schemes.at(label))) continue;
      const quantize::LayerWeights& layer = weights_.at(label);
      quantization.weights[label] = layer.weights;
      if (quantization.IsInteger(node)) {
        const auto scale = static_cast<double>(quantization.Params(node.inputs[0])->scale);
        quantization.bias[label] =
            quantize::QuantizeBias(layer.float_bias, scale, layer.weights.scale);
      } else if (!layer.float_bias.empty()) {
        quantization.float_bias[label] = layer.float_bias;
      }
    }
    return quantization;
  }

  double NoiseOf(const Schemes& schemes, size_t samples) const {
    return judge_.Noise(build_(With(schemes)), samples);
  }

  const Node& NodeOf(const std::string& label) const {
    return graph_.nodes[graph_.Producer(label).value()];
  }
  bool IsProduct(const std::string& label) const {
    return quantize::HasWeights(graph_, NodeOf(label));
  }
  size_t ProductsIn(const Candidate& candidate) const {
    return static_cast<size_t>(std::ranges::count_if(
        candidate.labels, [this](const std::string& label) { return IsProduct(label); }));
  }

  // A product and what it computes on behind its sum become float together.
  std::map<std::string, std::set<std::string>> Tails() const {
    std::map<std::string, std::set<std::string>> together;
    for (const Node& node : graph_.nodes) {
      if (!formats_.tails.contains(node.Label())) continue;
      const quantize::Tail tail = quantize::TailBehind(graph_, node);
      std::set<std::string> labels = {node.Label()};
      for (const Node* each : {tail.function, tail.factors}) {
        if (each != nullptr && formats_.in_tails.contains(each->Label())) {
          labels.insert(each->Label());
        }
      }
      for (const std::string& label : labels) together[label] = labels;
    }
    return together;
  }

  // Integer values that share one scale, with the nodes that make and read them.
  std::vector<Candidate> Values() const {
    std::map<std::string, std::string> parent;
    const auto root = [&](std::string value) {
      while (parent.at(value) != value) value = parent.at(value);
      return value;
    };
    for (const auto& [value, params] : formats_.activations) parent[value] = value;
    for (const Node& node : graph_.nodes) {
      if (!formats_.IsInteger(node) || !parent.contains(node.outputs[0]) ||
          quantize::IntegerFormOf(graph_, node).form != IntegerForm::passive) {
        continue;
      }
      for (const std::string& input : quantize::ActivationInputs(graph_, node)) {
        if (parent.contains(input)) parent[root(input)] = root(node.outputs[0]);
      }
    }
    const auto tails = Tails();
    std::map<std::string, Candidate> groups;
    std::vector<std::string> order;
    const auto add = [&](const std::string& value, const Node& node) {
      if (!parent.contains(value) || !formats_.IsInteger(node)) return;
      Candidate& group = groups[root(value)];
      if (group.labels.empty()) {
        group.name = quantize::LayerName(graph_, node);
        order.push_back(root(value));
      }
      const auto tail = tails.find(node.Label());
      if (tail == tails.end()) {
        group.labels.insert(node.Label());
      } else {
        group.labels.insert(tail->second.begin(), tail->second.end());
      }
    };
    for (const Node& node : graph_.nodes) {
      for (const std::string& output : node.outputs) add(output, node);
      for (const std::string& input : quantize::ActivationInputs(graph_, node)) add(input, node);
    }
    std::vector<Candidate> values;
    for (const std::string& value : order) {
      Candidate& candidate = groups.at(value);
      candidate.cost = CostOf(candidate);
      values.push_back(std::move(candidate));
    }
    return values;
  }

  std::vector<Candidate> Layers(const Schemes& schemes) const {
    std::vector<Candidate> layers;
    for (const Node& node : graph_.nodes) {
      if (!quantize::HasIntegerWeights(graph_, node, schemes.at(node.Label()))) continue;
      Candidate layer{{node.Label()}, quantize::LayerName(graph_, node)};
      layer.cost = static_cast<double>(graph_.Constant(node.inputs[1])->elements());
      layers.push_back(std::move(layer));
    }
    return layers;
  }

  double CostOf(const Candidate& candidate) const {
    double cost = 0;
    for (const std::string& label : candidate.labels) {
      const Node& node = NodeOf(label);
      const ValueInfo* info = graph_.Info(label);
      double elements = 1;
      if (info != nullptr && info->dims) {
        for (const int64_t d : *info->dims)
          elements *= static_cast<double>(std::max<int64_t>(d, 1));
      }
      cost += elements;
      if (!quantize::HasWeights(graph_, node) || info == nullptr || !info->dims) continue;
      const Tensor& weights = *graph_.Constant(node.inputs[1]);
      cost += elements / static_cast<double>(info->dims->back()) *
              static_cast<double>(weights.elements());
    }
    return cost;
  }

  using Change = void (*)(LayerScheme&);
  static Schemes Changed(const Schemes& schemes, std::span<const Candidate> candidates,
                         Change change) {
    Schemes changed = schemes;
    for (const Candidate& candidate : candidates) {
      for (const std::string& label : candidate.labels) change(changed.at(label));
    }
    return changed;
  }

  // Orders the candidates, and takes as few of them as reach the goal, or all. `noise` is that of
  // `schemes`, before and after.
  size_t Raise(std::vector<Candidate>& candidates, const std::string& what, Schemes& schemes,
               double& noise, Change change) const {
    const double before = NoiseOf(schemes, kRankingSamples);
    for (size_t i = 0; i < candidates.size() && !Stopping(); ++i) {
      const auto one = std::span(candidates).subspan(i, 1);
      candidates[i].gain =
          1 - NoiseOf(Changed(schemes, one, change), kRankingSamples) / std::max(before, 1e-30);
      if (progress_) progress_("activations: " + what, i + 1, candidates.size());
    }
    std::ranges::stable_sort(candidates, [](const Candidate& a, const Candidate& b) {
      if ((a.gain > 0) != (b.gain > 0)) return a.gain > 0;
      return a.gain * b.cost > b.gain * a.cost;
    });
    // The first `low` are not enough, the first `high` are, or are all.
    size_t low = 0, high = candidates.size();
    std::map<size_t, double> measured;
    const auto noise_of = [&](size_t count) {
      const auto first = std::span(candidates).first(count);
      return measured[count] = NoiseOf(Changed(schemes, first, change), judge_.samples());
    };
    if (Decibels(noise_of(high)) >= goal_.db) {
      // As many as the shares say first, which is mostly near.
      size_t middle = 0;
      double left = 1;
      const double wanted = std::pow(10, -goal_.db / 10) / noise;
      while (middle < high && left > wanted) left -= std::max(0.0, candidates[middle++].gain);
      for (middle = std::clamp<size_t>(middle, low + 1, high); high - low > 1 && !Stopping();
           middle = (low + high) / 2) {
        if (middle == high) middle = (low + high) / 2;
        (Decibels(noise_of(middle)) >= goal_.db ? high : low) = middle;
        if (progress_) progress_("activations: how many", high - low, candidates.size());
      }
    }
    schemes = Changed(schemes, std::span(candidates).first(high), change);
    noise = measured.at(high);
    return high;
  }

  const Graph& graph_;
  const Schemes& given_;
  const SqnrGoal& goal_;
  const Build& build_;
  const quantize::Progress& progress_;
  const Judge judge_;
  quantize::Observation observation_;
  Quantization formats_;                                   // of the given schemes
  std::map<std::string, quantize::LayerWeights> weights_;  // float_bias is the whole bias
};

}  // namespace

Raised RaiseActivations(const Graph& graph, const Schemes& schemes, const SqnrGoal& goal,
                        const data::Dataset& data, const Build& build,
                        const quantize::Progress& progress, Warnings& warnings) {
  if (graph.inputs.size() != 1) throw Error("--min-sqnr: needs a network with one input");
  const Parts parts = Divide(data);
  const data::Subset calibration(data, parts.calibration), held_out(data, parts.held_out);
  ActivationSearch search(graph, schemes, goal, calibration, held_out, build, progress);
  Raised raised = search.Run();
  if (raised.report.reached_db < goal.db) {
    char text[160];
    std::snprintf(text, sizeof text,
                  "--min-sqnr: the outputs come to %.1f dB at most, with every layer in float and "
                  "weights of 16 bits",
                  raised.report.reached_db);
    if (!goal.stop || !goal.stop()) throw Error(text);
    warnings.Add("--min-sqnr: stopped early, below the goal");
  }
  return raised;
}

}  // namespace lutra::converter::budget
