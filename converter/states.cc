#include "converter/states.h"

#include <algorithm>

#include "converter/error.h"
#include "converter/passes/passes.h"

namespace lutra::converter {
namespace {

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

bool Holds(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

std::string TypeText(const ValueInfo* info) {
  if (info == nullptr || !info->dims) return "of unknown shape";
  return std::string(DataTypeName(info->type)) + " " + DimsText(*info->dims);
}

}  // namespace

State ParseState(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    throw Error("--state '" + text + "' is not IN=OUT");
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

void SetStates(Graph& graph, const std::vector<State>& states) {
  if (states.empty()) return;
  Graph inferred = graph;
  passes::InferShapes(inferred);
  for (const State& state : states) {
    const std::string flag = "--state " + state.input + "=" + state.output + ": ";
    if (!Holds(graph.inputs, state.input)) {
      throw Error(flag + "the network has no input '" + state.input + "'; its inputs are " +
                  Listed(graph.inputs));
    }
    if (!Holds(graph.outputs, state.output)) {
      throw Error(flag + "the network has no output '" + state.output + "'; its outputs are " +
                  Listed(graph.outputs));
    }
    for (const std::string& name : {state.input, state.output}) {
      if (graph.StateOf(name) != nullptr) {
        throw Error(flag + "'" + name + "' is in another --state already");
      }
    }
    const ValueInfo* in = inferred.Info(state.input);
    const ValueInfo* out = inferred.Info(state.output);
    if (in == nullptr || out == nullptr || !in->dims || in->dims != out->dims ||
        in->type != out->type) {
      throw Error(flag + "'" + state.input + "' is " + TypeText(in) + ", '" + state.output +
                  "' is " + TypeText(out) + "; a state needs one shape and type");
    }
    graph.states.push_back(state);
  }
  if (graph.DataInputs() == 0 || graph.outputs.size() == graph.states.size()) {
    throw Error("--state: no other " + std::string(graph.DataInputs() == 0 ? "input" : "output") +
                " is left");
  }
  std::ranges::stable_partition(
      graph.inputs, [&](const std::string& input) { return graph.StateOf(input) == nullptr; });
}

}  // namespace lutra::converter
