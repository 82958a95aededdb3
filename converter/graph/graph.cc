#include "converter/graph/graph.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "converter/error.h"

namespace lutra::converter {
namespace {

const std::string kEmpty;

template <typename T>
T Get(const Node& node, std::string_view attribute, T otherwise, const char* kind) {
  const auto found = node.attributes.find(std::string(attribute));
  if (found == node.attributes.end()) return otherwise;
  if (const T* value = std::get_if<T>(&found->second)) return *value;
  throw PlacedError("node '" + node.Label() + "' (" + node.op + "): attribute '" +
                    std::string(attribute) + "' is not " + kind);
}

}  // namespace

int64_t Node::Int(std::string_view attribute, int64_t otherwise) const {
  return Get<int64_t>(*this, attribute, otherwise, "an integer");
}

float Node::Float(std::string_view attribute, float otherwise) const {
  return Get<float>(*this, attribute, otherwise, "a float");
}

std::string Node::String(std::string_view attribute, std::string otherwise) const {
  return Get<std::string>(*this, attribute, std::move(otherwise), "a string");
}

std::vector<int64_t> Node::Ints(std::string_view attribute, std::vector<int64_t> otherwise) const {
  return Get<std::vector<int64_t>>(*this, attribute, std::move(otherwise), "a list of integers");
}

bool Node::Has(std::string_view attribute) const {
  return attributes.contains(std::string(attribute));
}

const std::string& Node::Input(size_t i) const { return i < inputs.size() ? inputs[i] : kEmpty; }

std::string NodeText(const Node& node) { return "node '" + node.Label() + "' (" + node.op + ")"; }

void Fail(const Node& node, const std::string& why) { throw Error(NodeText(node) + ": " + why); }

const std::string& Node::Label() const {
  for (const std::string& output : outputs) {
    if (!output.empty()) return output;
  }
  return name;
}

const Tensor* Graph::Constant(const std::string& value) const {
  const auto found = initializers.find(value);
  return found == initializers.end() ? nullptr : &found->second;
}

const ValueInfo* Graph::Info(const std::string& value) const {
  const auto found = values.find(value);
  return found == values.end() ? nullptr : &found->second;
}

std::optional<size_t> Graph::Producer(const std::string& value) const {
  if (value.empty()) return std::nullopt;
  // From the end: most that ask, ask for outputs of the graph.
  for (size_t i = nodes.size(); i-- > 0;) {
    if (std::ranges::find(nodes[i].outputs, value) != nodes[i].outputs.end()) return i;
  }
  return std::nullopt;
}

std::vector<size_t> Graph::Consumers(const std::string& value) const {
  std::vector<size_t> consumers;
  if (value.empty()) return consumers;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (std::ranges::find(nodes[i].inputs, value) != nodes[i].inputs.end()) consumers.push_back(i);
  }
  return consumers;
}

bool Graph::IsOutput(const std::string& value) const {
  return std::ranges::find(outputs, value) != outputs.end();
}

std::string Graph::FreshName(const std::string& stem) const {
  const auto taken = [this](const std::string& candidate) {
    return initializers.contains(candidate) || values.contains(candidate) ||
           std::ranges::find(inputs, candidate) != inputs.end() || IsOutput(candidate) ||
           Producer(candidate).has_value();
  };
  if (!stem.empty() && !taken(stem)) return stem;
  for (size_t number = 1;; ++number) {
    std::string candidate = stem + "_" + std::to_string(number);
    if (!taken(candidate)) return candidate;
  }
}

void Graph::ReplaceUses(const std::string& from, const std::string& to) {
  for (Node& node : nodes) std::ranges::replace(node.inputs, from, to);
  std::ranges::replace(outputs, from, to);
}

void Graph::Sort() {
  std::unordered_map<std::string, size_t> producer;
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const std::string& output : nodes[i].outputs) {
      if (!output.empty()) producer.emplace(output, i);
    }
  }
  // Kahn's algorithm; of the nodes that are ready, always the one that stood first.
  std::vector<size_t> missing(nodes.size(), 0);
  std::vector<std::vector<size_t>> readers(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const std::string& input : nodes[i].inputs) {
      const auto found = producer.find(input);
      if (found == producer.end()) continue;
      ++missing[i];
      readers[found->second].push_back(i);
    }
  }
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (missing[i] == 0) ready.push(i);
  }
  std::vector<size_t> order;
  while (!ready.empty()) {
    order.push_back(ready.top());
    ready.pop();
    for (const size_t reader : readers[order.back()]) {
      if (--missing[reader] == 0) ready.push(reader);
    }
  }
  if (order.size() != nodes.size()) {
    // Going upstream from a node that never became ready ends on the cycle.
    size_t stuck = static_cast<size_t>(
        std::ranges::find_if(missing, [](size_t count) { return count != 0; }) - missing.begin());
    for (size_t step = 0; step < nodes.size(); ++step) {
      for (const std::string& input : nodes[stuck].inputs) {
        const auto found = producer.find(input);
        if (found == producer.end() || missing[found->second] == 0) continue;
        stuck = found->second;
        break;
      }
    }
    throw Error(NodeText(nodes[stuck]) + " depends on its own output (the graph has a cycle)");
  }
  std::vector<Node> sorted;
  sorted.reserve(nodes.size());
  for (const size_t i : order) sorted.push_back(std::move(nodes[i]));
  nodes = std::move(sorted);
}

bool Graph::IsReal(const std::string& value) const {
  const ValueInfo* info = Info(value);
  return info == nullptr || info->type == DataType::undefined || IsFloating(info->type);
}

const State* Graph::StateOf(const std::string& value) const {
  for (const State& state : states) {
    if (state.input == value || state.output == value) return &state;
  }
  return nullptr;
}

void Graph::Check() const {
  std::unordered_set<std::string> available;
  for (const std::string& input : inputs) {
    if (!available.insert(input).second) throw Error("the input '" + input + "' is declared twice");
  }
  for (const auto& [value, tensor] : initializers) {
    if (!available.insert(value).second) {
      throw Error("the value '" + value + "' is both an input and an initializer");
    }
  }
  for (const Node& node : nodes) {
    for (const std::string& input : node.inputs) {
      if (input.empty() || available.contains(input)) continue;
      throw Error(NodeText(node) + " reads '" + input + "', which " +
                  (Producer(input) ? "is computed only after it" : "nothing computes"));
    }
    for (const std::string& output : node.outputs) {
      if (!output.empty() && !available.insert(output).second) {
        throw Error(NodeText(node) + " computes '" + output + "', which exists already");
      }
    }
  }
  for (const std::string& output : outputs) {
    if (!available.contains(output)) {
      throw Error("the graph's output '" + output + "' is computed by no node");
    }
  }
}

}  // namespace lutra::converter
