#include "converter/passes/connections.h"

#include <algorithm>

namespace lutra::converter::passes {

Connections::Connections(Graph& graph)
    : graph_(graph),
      inputs_(graph.inputs.begin(), graph.inputs.end()),
      outputs_(graph.outputs.begin(), graph.outputs.end()),
      originals_(graph.nodes.size()) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) Connect(i);
}

std::optional<size_t> Connections::Producer(const std::string& value) const {
  const auto found = producers_.find(value);
  return found == producers_.end() ? std::nullopt : std::optional(found->second);
}

const std::vector<size_t>& Connections::Readers(const std::string& value) const {
  static const std::vector<size_t> kNone;
  const auto found = readers_.find(value);
  return found == readers_.end() ? kNone : found->second;
}

std::optional<size_t> Connections::OnlyConsumer(const std::string& value) const {
  const std::vector<size_t>& readers = Readers(value);
  return readers.size() == 1 && !IsOutput(value) ? std::optional(readers[0]) : std::nullopt;
}

void Connections::Connect(size_t index) {
  for (const std::string& output : graph_.nodes[index].outputs) {
    if (!output.empty()) producers_[output] = index;
  }
  for (const std::string& input : graph_.nodes[index].inputs) {
    if (!input.empty()) readers_[input].push_back(index);
  }
}

void Connections::Disconnect(size_t index) {
  for (const std::string& output : graph_.nodes[index].outputs) {
    const auto found = producers_.find(output);
    if (found != producers_.end() && found->second == index) producers_.erase(found);
  }
  for (const std::string& input : graph_.nodes[index].inputs) {
    const auto found = readers_.find(input);
    if (found != readers_.end()) std::erase(found->second, index);
  }
}

void Connections::Remove(size_t index) {
  Disconnect(index);
  graph_.nodes[index] = Node();
}

size_t Connections::Append(Node node) {
  graph_.nodes.push_back(std::move(node));
  Connect(graph_.nodes.size() - 1);
  return graph_.nodes.size() - 1;
}

void Connections::InsertBefore(size_t index, Node node) {
  const size_t added = Append(std::move(node));
  placed_[index].before.push_back(added);
}

void Connections::InsertAfter(size_t index, Node node) {
  const size_t added = Append(std::move(node));
  placed_[index].behind.push_back(added);
}

void Connections::ReplaceUses(const std::string& from, const std::string& to) {
  const std::vector<size_t> readers = Readers(from);
  for (const size_t reader : readers) {
    Edit(reader, [&](Node& node) { std::ranges::replace(node.inputs, from, to); });
  }
  if (outputs_.erase(from) == 0) return;
  std::ranges::replace(graph_.outputs, from, to);
  outputs_.insert(to);
}

bool Connections::Taken(const std::string& name) const {
  return graph_.initializers.contains(name) || graph_.values.contains(name) ||
         inputs_.contains(name) || outputs_.contains(name) || producers_.contains(name);
}

std::string Connections::FreshName(const std::string& stem) {
  if (!stem.empty() && !Taken(stem)) return stem;
  while (true) {
    std::string candidate = stem + "_" + std::to_string(++numbers_[stem]);
    if (!Taken(candidate)) return candidate;
  }
}

std::string Connections::AddInitializer(const std::string& stem, Tensor tensor) {
  std::string name = FreshName(stem);
  SetInitializer(name, std::move(tensor));
  return name;
}

void Connections::SetInitializer(const std::string& value, Tensor tensor) {
  graph_.values[value] = {tensor.type(), tensor.dims()};
  graph_.initializers.insert_or_assign(value, std::move(tensor));
}

void Connections::DropUnread(const std::string& initializer) {
  if (!Readers(initializer).empty() || IsOutput(initializer)) return;
  graph_.initializers.erase(initializer);
  graph_.values.erase(initializer);
}

bool Connections::Bypass(size_t index, const std::string& value) {
  const std::string output = node(index).outputs[0];
  if (!IsOutput(output)) {
    Remove(index);
    ReplaceUses(output, value);
    graph_.values.erase(output);
    return true;
  }
  const std::optional<size_t> producer = Producer(value);
  if (!producer || IsOutput(value)) return false;
  Remove(index);
  Edit(*producer, [&](Node& node) { std::ranges::replace(node.outputs, value, output); });
  ReplaceUses(value, output);
  graph_.values.erase(value);
  return true;
}

void Connections::Finish() {
  std::vector<Node> nodes;
  nodes.reserve(graph_.nodes.size());
  // New nodes may have others placed around them in turn.
  const auto take = [&](const auto& self, size_t index) -> void {
    const auto placed = placed_.find(index);
    if (placed != placed_.end()) {
      for (const size_t added : placed->second.before) self(self, added);
    }
    if (!graph_.nodes[index].op.empty()) nodes.push_back(std::move(graph_.nodes[index]));
    if (placed == placed_.end()) return;
    for (const size_t added : placed->second.behind) self(self, added);
  };
  for (size_t i = 0; i < originals_; ++i) take(take, i);
  graph_.nodes = std::move(nodes);
}

}  // namespace lutra::converter::passes
