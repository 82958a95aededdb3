#include "converter/executor/float_executor.h"

#include <algorithm>
#include <utility>

#include "converter/executor/operator.h"
#include "converter/one_line.h"

namespace lutra::converter::executor {
struct FloatExecutor::State {
  explicit State(const Graph& g) : graph(g), caches(g.nodes.size()), release(g.nodes.size()) {}

  const Graph& graph;
  std::vector<NodeCache> caches;
  /// Per node: values computed or given that nobody reads after it.
  std::vector<std::vector<std::string>> release;
  /// Inputs of the graph's states: what the last run's outputs were.
  TensorMap kept;
};

FloatExecutor::FloatExecutor(const Graph& graph) : state_(std::make_unique<State>(graph)) {
  FaultList problems;
  for (const Node& node : graph.nodes) {
    if (const std::string why = WhyUnsupported(node); !why.empty()) {
      problems.Add("node '" + node.Label() + "' (" + node.op + "): " + why);
    }
  }
  if (problems.count() > 0) throw Error("cannot execute the graph: " + problems.text());

  std::map<std::string, size_t> last_use;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    // A value that nobody reads is dropped where it is made.
    for (const std::string& output : graph.nodes[i].outputs) last_use[output] = i;
    for (const std::string& input : graph.nodes[i].inputs) last_use[input] = i;
  }
  for (const auto& [value, node] : last_use) {
    if (!value.empty() && !graph.IsOutput(value) && graph.Constant(value) == nullptr) {
      state_->release[node].push_back(value);
    }
  }
}

FloatExecutor::~FloatExecutor() = default;

namespace {

// Those of the inputs that the graph takes as integers or bools and that come as float32.
TensorMap CastSamples(const Graph& graph, const TensorMap& inputs) {
  TensorMap cast;
  for (const auto& [name, tensor] : inputs) {
    const ValueInfo* info = graph.Info(name);
    if (info == nullptr || info->type == DataType::undefined || IsFloating(info->type)) continue;
    if (tensor.type() == DataType::float32) cast.emplace(name, tensor.Cast(info->type));
  }
  return cast;
}

}  // namespace

Tensor FloatExecutor::KeptValue(const std::string& input) const {
  const auto found = state_->kept.find(input);
  if (found != state_->kept.end()) return found->second;
  const ValueInfo& info = *state_->graph.Info(input);
  return Tensor(info.type, info.dims.value());
}

TensorMap FloatExecutor::Run(const TensorMap& inputs, const Observer& observer,
                             const TensorMap& more) {
  const Graph& graph = state_->graph;
  TensorMap values = CastSamples(graph, inputs);
  for (const lutra::converter::State& kept : graph.states) {
    if (!inputs.contains(kept.input)) values.emplace(kept.input, KeptValue(kept.input));
  }
  const auto find = [&](const std::string& name) -> const Tensor* {
    if (const Tensor* constant = graph.Constant(name)) return constant;
    const auto computed = values.find(name);
    if (computed != values.end()) return &computed->second;
    for (const TensorMap* map : {&inputs, &more}) {
      if (const auto given = map->find(name); given != map->end()) return &given->second;
    }
    return nullptr;
  };
  for (const std::string& input : graph.inputs) {
    const Tensor* given = find(input);
    if (given == nullptr) throw Error("input '" + input + "' is not given");
    if (observer) observer(input, *given);
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    Call call{node, {}, {}, state_->caches[i]};
    for (const std::string& name : node.inputs) {
      const Tensor* value = name.empty() ? nullptr : find(name);
      if (value == nullptr && !name.empty()) {
        throw Error("node '" + node.Label() + "': its input '" + name + "' is not computed");
      }
      call.inputs.push_back(value);
      call.constant.push_back(value != nullptr && graph.Constant(name) != nullptr);
    }
    Results results = Execute(call);
    for (size_t output = 0; output < node.outputs.size(); ++output) {
      const std::string& name = node.outputs[output];
      if (name.empty()) continue;
      if (output >= results.size() || results[output].type() == DataType::undefined) {
        throw Error("node '" + node.Label() + "' (" + node.op + "): output " +
                    std::to_string(output) + " is not computed");
      }
      if (observer) observer(name, results[output]);
      values.insert_or_assign(name, std::move(results[output]));
    }
    for (const std::string& value : state_->release[i]) values.erase(value);
  }
  TensorMap outputs;
  for (const std::string& name : graph.outputs) {
    const Tensor* value = find(name);
    if (value == nullptr) throw Error("output '" + name + "' is not computed");
    outputs.emplace(name, *value);
  }
  for (const lutra::converter::State& kept : graph.states) {
    state_->kept.insert_or_assign(kept.input, outputs.at(kept.output));
  }
  return outputs;
}

}  // namespace lutra::converter::executor
