// Who computes and who reads each value, kept up to date while a pass rewrites the graph, so that a
// pass takes time in proportion to the nodes. (Graph::Producer and Consumers look at every node.)
//
// While it lives, every change to a node goes through it. Node indices do not move: removed nodes
// stay as empty ones (an op of "", which no pass matches), new ones come last, and Finish puts all
// into their places.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter::passes {

class Connections {
 public:
  /// Keeps a reference to the graph. Finish must be called before anybody else looks at its nodes.
  explicit Connections(Graph& graph);

  const Graph& graph() const { return graph_; }
  /// Nodes that there are, removed and new ones included.
  size_t size() const { return graph_.nodes.size(); }
  const Node& node(size_t index) const { return graph_.nodes[index]; }

  std::optional<size_t> Producer(const std::string& value) const;
  /// Nodes that read the value, a node once for each input that does.
  const std::vector<size_t>& Readers(const std::string& value) const;
  /// The one node that reads the value, once, if the value is no output of the graph.
  std::optional<size_t> OnlyConsumer(const std::string& value) const;
  bool IsOutput(const std::string& value) const { return outputs_.contains(value); }

  /// change(Node&) may do anything to the node but move it.
  template <typename Change>
  void Edit(size_t index, const Change& change) {
    Disconnect(index);
    change(graph_.nodes[index]);
    Connect(index);
  }
  void SetInput(size_t index, size_t input, std::string value) {
    Edit(index, [&](Node& node) { node.inputs[input] = std::move(value); });
  }
  void Remove(size_t index);
  /// Places a new node right before or right behind another; several behind (before) the same one
  /// come in the order of the calls.
  void InsertBefore(size_t index, Node node);
  void InsertAfter(size_t index, Node node);
  void ReplaceUses(const std::string& from, const std::string& to);

  /// A value name that is not taken, beginning with `stem`.
  std::string FreshName(const std::string& stem);
  /// Adds an initializer under a fresh name that begins with `stem`; returns the name.
  std::string AddInitializer(const std::string& stem, Tensor tensor);
  void SetInfo(const std::string& value, ValueInfo info) { graph_.values[value] = std::move(info); }
  void SetInitializer(const std::string& value, Tensor tensor);
  /// Frees an initializer if nothing reads it any more.
  void DropUnread(const std::string& initializer);

  /// Takes node `index` out, whose output becomes `value` wherever it is read. When the output is
  /// one of the graph's, the node that computes `value` takes over its name instead; returns false,
  /// with nothing done, where that cannot be (both names must live).
  bool Bypass(size_t index, const std::string& value);

  /// Drops removed nodes and puts new ones into their places.
  void Finish();

 private:
  struct Placed {
    std::vector<size_t> before, behind;  ///< new nodes, by index
  };

  void Connect(size_t index);
  void Disconnect(size_t index);
  bool Taken(const std::string& name) const;
  size_t Append(Node node);

  Graph& graph_;
  std::unordered_map<std::string, size_t> producers_;
  std::unordered_map<std::string, std::vector<size_t>> readers_;
  std::unordered_set<std::string> inputs_, outputs_;
  std::unordered_map<size_t, Placed> placed_;
  std::unordered_map<std::string, size_t> numbers_;  ///< by stem, the last one FreshName tried
  size_t originals_;                                 ///< nodes before any was added
};

}  // namespace lutra::converter::passes
