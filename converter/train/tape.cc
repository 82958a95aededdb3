#include "converter/train/tape.h"

#include <algorithm>
#include <utility>

#include "converter/error.h"
#include "converter/executor/gradient.h"
#include "converter/executor/operator.h"
#include "converter/one_line.h"
#include "converter/train/batch_norm.h"
#include "converter/train/batch_product.h"

namespace lutra::converter::train {

namespace {

using executor::NodeCache;

constexpr int kAbsent = -1;

void AddTo(Tensor& sum, Tensor&& addend) {
  if (sum.type() == DataType::undefined) {
    sum = std::move(addend);
    return;
  }
  const auto from = addend.as<float>();
  const auto to = sum.as<float>();
  for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

std::span<const float> PerChannel(const Tensor& tensor, const ChannelView& view, const char* what) {
  const auto values = tensor.as<float>();
  if (static_cast<int64_t>(values.size()) != view.channels) {
    throw Error(std::string("its ") + what + " has not one element per channel");
  }
  return values;
}

}  // namespace

struct Tape::State {
  /// What runs a node: each part by itself, or all of them together.
  enum class Way : uint8_t { by_part, batch_norm, batch_product };

  /// A node with its values by number, and what the sweep over the graph found out about it.
  struct Step {
    const Node* node = nullptr;
    std::vector<int> inputs, outputs;  // kAbsent: left out
    std::vector<bool> constant;        // inputs that are initializers
    std::vector<bool> wanted;          // inputs whose gradient is computed
    bool has_gradient = false;         // any of them
    Way way = Way::by_part;
    std::vector<int> drop_forward;   // values nobody reads after the forward run of this node
    std::vector<int> drop_backward;  // values kept for gradients, the last of which is this node's
  };

  /// The values of one part of the minibatch.
  struct Part {
    std::vector<Tensor> values, gradients;
    std::vector<std::vector<int64_t>> dims;
    std::vector<NodeCache> forward, backward;
    std::vector<Tensor> parameter_gradients;  // of the node at hand, by its inputs
  };

  State(const Graph& g, Options o, Workers& w) : graph(g), options(std::move(o)), workers(w) {}

  const Graph& graph;
  const Options options;
  Workers& workers;
  std::vector<std::string> names;        // of values
  std::vector<const Tensor*> constants;  // by value; null: not constant
  std::vector<bool> is_shared_gradient;  // by value: a parameter
  std::vector<Step> steps;
  std::map<std::string, int> numbers;
  std::vector<Part> parts;
  // Of the last forward run.
  std::map<const Step*, Statistics> statistics;
  std::map<const Step*, BatchProduct> products;

  int Number(const std::string& name) {
    if (name.empty()) return kAbsent;
    const auto [found, fresh] = numbers.try_emplace(name, static_cast<int>(names.size()));
    if (fresh) {
      names.push_back(name);
      constants.push_back(graph.Constant(name));
      is_shared_gradient.push_back(options.parameters.contains(name));
    }
    return found->second;
  }

  Way WayOf(const Node& node) const;
  void Plan();
  void PlanGradients();
  void PlanLifetimes();
  const Tensor* Value(const Part& part, const TensorMap& shared, int value) const;
  void RunForward(Step& step, size_t index, TensorMap& shared);
  void RunBatchNorm(const Step& step, TensorMap& shared);
  void RunBackward(const Step& step, size_t index, const TensorMap& shared, TensorMap& gradients);
  void RunBatchNormBackward(const Step& step, const TensorMap& shared, TensorMap& gradients);
  void RunBatchProduct(const Step& step, const TensorMap& shared);
  void RunBatchProductBackward(const Step& step, const TensorMap& shared, TensorMap& gradients);
};

Tape::State::Way Tape::State::WayOf(const Node& node) const {
  if (node.domain.empty() && node.op == "BatchNormalization" && !options.frozen_batch_norm) {
    return Way::batch_norm;
  }
  const auto is_shared = [&](const std::string& name) {
    return options.parameters.contains(name) || graph.Constant(name) != nullptr;
  };
  const auto dims = [&](const std::string& name) {
    const ValueInfo* info = name.empty() ? nullptr : graph.Info(name);
    return info == nullptr ? std::vector<int64_t>() : info->dims.value_or(std::vector<int64_t>());
  };
  const std::string weights = node.Input(1), bias = node.Input(2);
  const bool product = options.parameters.contains(weights) && !is_shared(node.Input(0)) &&
                       (bias.empty() || (is_shared(bias) && !dims(bias).empty())) &&
                       IsBatchProduct(node, dims(weights), dims(bias));
  return product ? Way::batch_product : Way::by_part;
}

void Tape::State::Plan() {
  for (const Node& node : graph.nodes) {
    Step step;
    step.node = &node;
    for (const std::string& input : node.inputs) {
      step.inputs.push_back(Number(input));
      step.constant.push_back(!input.empty() && graph.Constant(input) != nullptr);
    }
    for (const std::string& output : node.outputs) step.outputs.push_back(Number(output));
    step.way = WayOf(node);
    steps.push_back(std::move(step));
  }
  for (const std::string& output : graph.outputs) Number(output);
  PlanGradients();
  PlanLifetimes();
}

void Tape::State::PlanGradients() {
  // A value is sensitive when it depends on a parameter, and useful when an output depends on it:
  // gradients flow where it is both.
  std::vector<bool> sensitive(is_shared_gradient), useful(names.size(), false);
  for (const Step& step : steps) {
    const bool any = std::ranges::any_of(
        step.inputs, [&](int v) { return v != kAbsent && sensitive[static_cast<size_t>(v)]; });
    for (const int v : step.outputs) {
      if (v != kAbsent && any) sensitive[static_cast<size_t>(v)] = true;
    }
  }
  for (const std::string& output : graph.outputs) {
    useful[static_cast<size_t>(numbers.at(output))] = true;
  }
  FaultList faults;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const bool leads = std::ranges::any_of(
        step->outputs, [&](int v) { return v != kAbsent && useful[static_cast<size_t>(v)]; });
    for (const int v : step->inputs) {
      const bool wanted = leads && v != kAbsent && sensitive[static_cast<size_t>(v)];
      step->wanted.push_back(wanted);
      step->has_gradient = step->has_gradient || wanted;
      if (leads && v != kAbsent) useful[static_cast<size_t>(v)] = true;
    }
    if (!step->has_gradient || step->way != Way::by_part) continue;
    if (const std::string why = executor::WhyNoGradient(*step->node); !why.empty()) {
      faults.Add("node '" + step->node->Label() + "': " + why);
    }
  }
  if (faults.count() > 0) throw Error("cannot train the network: " + faults.text());
}

void Tape::State::PlanLifetimes() {
  std::vector<int> last_read(names.size(), kAbsent), first_needed(names.size(), kAbsent);
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    const auto mark = [&](const std::vector<int>& values, std::vector<int>& place, bool first) {
      for (const int v : values) {
        if (v == kAbsent) continue;
        int& at = place[static_cast<size_t>(v)];
        if (!first || at == kAbsent) at = static_cast<int>(i);
      }
    };
    mark(step.outputs, last_read, false);
    mark(step.inputs, last_read, false);
    if (!step.has_gradient) continue;
    // Backward the first node of the graph comes last.
    if (step.way == Way::batch_norm) mark({step.inputs[0]}, first_needed, true);
    if (step.way == Way::batch_product && step.node->clamp) mark(step.outputs, first_needed, true);
    if (step.way != Way::by_part) continue;
    if (executor::GradientReadsInputs(*step.node)) mark(step.inputs, first_needed, true);
    if (executor::GradientReadsResults(*step.node)) mark(step.outputs, first_needed, true);
  }
  for (size_t v = 0; v < names.size(); ++v) {
    if (constants[v] != nullptr || last_read[v] == kAbsent) continue;
    const int number = static_cast<int>(v);
    if (first_needed[v] != kAbsent) {
      steps[static_cast<size_t>(first_needed[v])].drop_backward.push_back(number);
    } else if (!graph.IsOutput(names[v])) {
      steps[static_cast<size_t>(last_read[v])].drop_forward.push_back(number);
    }
  }
}

const Tensor* Tape::State::Value(const Part& part, const TensorMap& shared, int value) const {
  if (value == kAbsent) return nullptr;
  const auto v = static_cast<size_t>(value);
  if (constants[v] != nullptr) return constants[v];
  if (part.values[v].type() != DataType::undefined) return &part.values[v];
  const auto found = shared.find(names[v]);
  return found == shared.end() ? nullptr : &found->second;
}

void Tape::State::RunForward(Step& step, size_t index, TensorMap& shared) {
  if (step.way == Way::batch_norm) {
    RunBatchNorm(step, shared);
  } else if (step.way == Way::batch_product) {
    RunBatchProduct(step, shared);
  } else {
    workers.Run(parts.size(), [&](size_t p) {
      Part& part = parts[p];
      executor::Call call{*step.node, {}, step.constant, part.forward[index]};
      for (const int v : step.inputs) call.inputs.push_back(Value(part, shared, v));
      executor::Results results = executor::Execute(call);
      for (size_t i = 0; i < step.outputs.size() && i < results.size(); ++i) {
        if (step.outputs[i] == kAbsent) continue;
        part.values[static_cast<size_t>(step.outputs[i])] = std::move(results[i]);
      }
    });
  }
  for (Part& part : parts) {
    for (const int v : step.outputs) {
      if (v == kAbsent) continue;
      part.dims[static_cast<size_t>(v)] = part.values[static_cast<size_t>(v)].dims();
    }
    for (const int v : step.drop_forward) {
      // Indices and shapes stay for gradients, which may read them without saying so.
      Tensor& value = part.values[static_cast<size_t>(v)];
      if (value.type() == DataType::float32) value = Tensor();
    }
  }
}

void Tape::State::RunBatchNorm(const Step& step, TensorMap& shared) {
  const Node& node = *step.node;
  const auto input = [&](size_t part, size_t i) -> const Tensor& {
    const Tensor* tensor = Value(parts[part], shared, step.inputs.at(i));
    if (tensor == nullptr) throw Error("input " + std::to_string(i) + " is missing");
    return *tensor;
  };
  try {
    const ChannelView view = ChannelView::Of(node, input(0, 0));
    const auto scale = PerChannel(input(0, 1), view, "scale");
    const auto bias = PerChannel(input(0, 2), view, "bias");
    const std::vector<float> pivot = Pivots(input(0, 0), view);
    std::vector<ChannelSums> sums(parts.size());
    workers.Run(parts.size(), [&](size_t p) {
      const Tensor& x = input(p, 0);
      sums[p] = MomentSums(x, ChannelView::Of(node, x), pivot);
    });
    for (size_t p = 1; p < sums.size(); ++p) sums[0].Add(sums[p]);
    Statistics& moments = statistics[&step];
    moments = CombineMoments(sums[0], pivot, static_cast<double>(node.Float("epsilon", 1e-5F)));
    workers.Run(parts.size(), [&](size_t p) {
      const Tensor& x = input(p, 0);
      parts[p].values[static_cast<size_t>(step.outputs[0])] =
          Normalize(x, ChannelView::Of(node, x), moments, scale, bias);
    });
    const auto mean = shared.find(node.inputs[3]), variance = shared.find(node.inputs[4]);
    if (mean != shared.end() && variance != shared.end()) {
      UpdateRunning(moments, node.Float("momentum", 0.9F), mean->second.as<float>(),
                    variance->second.as<float>());
    }
  } catch (const Error& error) {
    throw Error("node '" + node.Label() + "' (BatchNormalization): " + error.what());
  }
}

void Tape::State::RunBackward(const Step& step, size_t index, const TensorMap& shared,
                              TensorMap& gradients) {
  workers.Run(parts.size(), [&](size_t p) {
    Part& part = parts[p];
    executor::GradientCall call{*step.node, {}, {}, {}, {}, step.wanted, part.backward[index]};
    for (const int v : step.inputs) {
      const Tensor* value = Value(part, shared, v);
      call.inputs.push_back(value);
      const bool dropped = value == nullptr && v != kAbsent;
      call.input_dims.push_back(dropped            ? part.dims[static_cast<size_t>(v)]
                                : value == nullptr ? std::vector<int64_t>()
                                                   : value->dims());
    }
    for (const int v : step.outputs) {
      const Tensor* result = Value(part, shared, v);
      call.results.push_back(result);
      const bool has = v != kAbsent && part.gradients[static_cast<size_t>(v)].elements() > 0;
      call.spent.push_back(has ? &part.gradients[static_cast<size_t>(v)] : nullptr);
      call.gradients.push_back(call.spent.back());
    }
    executor::Gradients results = executor::ExecuteGradient(call);
    part.parameter_gradients.assign(step.inputs.size(), Tensor());
    for (size_t i = 0; i < step.inputs.size() && i < results.size(); ++i) {
      if (!step.wanted[i]) continue;
      const auto v = static_cast<size_t>(step.inputs[i]);
      if (is_shared_gradient[v]) {
        part.parameter_gradients[i] = std::move(results[i]);
      } else {
        AddTo(part.gradients[v], std::move(results[i]));
      }
    }
  });
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    if (!step.wanted[i] || !is_shared_gradient[static_cast<size_t>(step.inputs[i])]) continue;
    Tensor& sum = gradients[names[static_cast<size_t>(step.inputs[i])]];
    for (Part& part : parts) AddTo(sum, std::move(part.parameter_gradients[i]));
  }
}

void Tape::State::RunBatchNormBackward(const Step& step, const TensorMap& shared,
                                       TensorMap& gradients) {
  const Node& node = *step.node;
  const Statistics& moments = statistics.at(&step);
  const auto output = static_cast<size_t>(step.outputs[0]);
  std::vector<ChannelSums> sums(parts.size());
  workers.Run(parts.size(), [&](size_t p) {
    const Tensor& x = *Value(parts[p], shared, step.inputs[0]);
    sums[p] = GradientSums(x, parts[p].gradients[output], ChannelView::Of(node, x), moments);
  });
  for (size_t p = 1; p < sums.size(); ++p) sums[0].Add(sums[p]);
  for (const size_t i : {size_t{1}, size_t{2}}) {
    if (!step.wanted[i]) continue;
    const std::vector<double>& sum = i == 1 ? sums[0].second : sums[0].first;
    Tensor gradient(DataType::float32, {static_cast<int64_t>(sum.size())});
    std::ranges::transform(sum, gradient.as<float>().begin(),
                           [](double x) { return static_cast<float>(x); });
    AddTo(gradients[node.inputs[i]], std::move(gradient));
  }
  if (!step.wanted[0]) return;
  workers.Run(parts.size(), [&](size_t p) {
    Part& part = parts[p];
    const Tensor& x = *Value(part, shared, step.inputs[0]);
    const Tensor& scale = *Value(part, shared, step.inputs[1]);
    Tensor& gradient = part.gradients[output];
    NormalizeGradient(x, ChannelView::Of(node, x), moments, sums[0], scale.as<float>(), gradient);
    AddTo(part.gradients[static_cast<size_t>(step.inputs[0])], std::move(gradient));
  });
}

void Tape::State::RunBatchProduct(const Step& step, const TensorMap& shared) {
  try {
    std::vector<const Tensor*> x;
    for (const Part& part : parts) x.push_back(Value(part, shared, step.inputs[0]));
    const Tensor* const bias =
        step.inputs.size() > 2 ? Value(parts[0], shared, step.inputs[2]) : nullptr;
    std::vector<Tensor> y = products[&step].Forward(
        *step.node, x, *Value(parts[0], shared, step.inputs[1]), bias, workers);
    for (size_t p = 0; p < parts.size(); ++p) {
      parts[p].values[static_cast<size_t>(step.outputs[0])] = std::move(y[p]);
    }
  } catch (const Error& error) {
    throw Error("node '" + step.node->Label() + "' (Gemm): " + error.what());
  }
}

void Tape::State::RunBatchProductBackward(const Step& step, const TensorMap& shared,
                                          TensorMap& gradients) {
  const auto output = static_cast<size_t>(step.outputs[0]);
  std::vector<const Tensor*> y, dy;
  for (const Part& part : parts) {
    y.push_back(&part.values[output]);
    dy.push_back(&part.gradients[output]);
  }
  const auto dims = [&](size_t i) {
    const Tensor* value =
        i < step.inputs.size() ? Value(parts[0], shared, step.inputs[i]) : nullptr;
    return value == nullptr ? std::vector<int64_t>() : value->dims();
  };
  BatchProduct::Gradients result = products.at(&step).Backward(
      *step.node, y, dy, *Value(parts[0], shared, step.inputs[1]), dims(2), step.wanted, workers);
  for (size_t p = 0; p < result.x.size(); ++p) {
    AddTo(parts[p].gradients[static_cast<size_t>(step.inputs[0])], std::move(result.x[p]));
  }
  const auto add = [&](size_t i, Tensor& gradient) {
    if (gradient.type() == DataType::undefined) return;
    AddTo(gradients[step.node->inputs[i]], std::move(gradient));
  };
  add(1, result.weights);
  add(2, result.bias);
}

Tape::Tape(const Graph& graph, Options options, Workers& workers)
    : state_(std::make_unique<State>(graph, std::move(options), workers)) {
  state_->Plan();
}

Tape::~Tape() = default;

std::vector<TensorMap> Tape::Forward(std::vector<TensorMap> parts, TensorMap& shared) {
  State& state = *state_;
  if (state.parts.size() != parts.size()) state.parts.assign(parts.size(), {});
  for (size_t p = 0; p < parts.size(); ++p) {
    State::Part& part = state.parts[p];
    part.values.assign(state.names.size(), Tensor());
    part.gradients.assign(state.names.size(), Tensor());
    part.dims.assign(state.names.size(), {});
    part.forward.resize(state.steps.size());
    part.backward.resize(state.steps.size());
    for (auto& [name, tensor] : parts[p]) {
      if (!state.numbers.contains(name)) continue;
      const auto v = static_cast<size_t>(state.numbers.at(name));
      part.dims[v] = tensor.dims();
      part.values[v] = std::move(tensor);
    }
  }
  for (size_t i = 0; i < state.steps.size(); ++i) state.RunForward(state.steps[i], i, shared);
  std::vector<TensorMap> outputs(parts.size());
  for (size_t p = 0; p < parts.size(); ++p) {
    for (const std::string& name : state.graph.outputs) {
      const Tensor* value = state.Value(state.parts[p], shared, state.numbers.at(name));
      if (value == nullptr) throw Error("output '" + name + "' is not computed");
      outputs[p].emplace(name, *value);
    }
  }
  return outputs;
}

TensorMap Tape::Backward(std::vector<TensorMap> gradients, const TensorMap& shared) {
  State& state = *state_;
  for (size_t p = 0; p < state.parts.size(); ++p) {
    for (auto& [name, tensor] : gradients.at(p)) {
      state.parts[p].gradients[static_cast<size_t>(state.numbers.at(name))] = std::move(tensor);
    }
  }
  TensorMap result;
  for (size_t i = state.steps.size(); i-- > 0;) {
    const State::Step& step = state.steps[i];
    const bool reached = std::ranges::any_of(step.outputs, [&](int v) {
      return v != kAbsent && state.parts[0].gradients[static_cast<size_t>(v)].elements() > 0;
    });
    if (step.has_gradient && reached) {
      if (step.way == State::Way::batch_norm) {
        state.RunBatchNormBackward(step, shared, result);
      } else if (step.way == State::Way::batch_product) {
        state.RunBatchProductBackward(step, shared, result);
      } else {
        state.RunBackward(step, i, shared, result);
      }
    }
    for (State::Part& part : state.parts) {
      for (const int v : step.outputs) {
        if (v != kAbsent) part.gradients[static_cast<size_t>(v)] = Tensor();
      }
      for (const int v : step.drop_backward) part.values[static_cast<size_t>(v)] = Tensor();
    }
  }
  for (const std::string& name : state.options.parameters) {
    if (result.contains(name)) continue;
    result.emplace(name, Tensor(DataType::float32, shared.at(name).dims()));
  }
  return result;
}

}  // namespace lutra::converter::train
