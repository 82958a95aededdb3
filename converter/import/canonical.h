// Nodes of opset 6 to 24 in the one form of the graph, that of opset 18: what older versions keep
// in attributes becomes an input, operators that were renamed get their last name, and switches
// that mean nothing at inference go.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter::importing {

class Canonicalizer {
 public:
  /// Appends nodes and initializers to `graph`, whose inputs and initializers (with their dims) are
  /// known already. `taken` holds every value name of the file.
  Canonicalizer(Graph& graph, std::unordered_set<std::string> taken)
      : graph_(graph), taken_(std::move(taken)) {}

  /// Adds the node as one or several. Returns "" or the reason why it has no canonical form.
  std::string Add(Node node, int64_t opset);

  // For the rules.
  Graph& graph() { return graph_; }
  std::string FreshName(const std::string& stem);
  /// Name of a new initializer that belongs to the node.
  std::string AddConstant(const Node& node, const std::string& what, Tensor tensor);
  /// Moves an integer-list attribute to input `index`, when the node has it.
  void AttributeToInput(Node& node, const std::string& attribute, size_t index);
  /// Rank of a graph input or initializer; -1 for computed values.
  int64_t Rank(const std::string& value) const;

 private:
  Graph& graph_;
  std::unordered_set<std::string> taken_;
};

}  // namespace lutra::converter::importing
