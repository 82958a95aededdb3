// One node written as several of other operators.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "converter/passes/connections.h"

namespace lutra::converter::passes {

/// Collects the nodes that are to take the place of node `index`; none does before Finish().
class Expansion {
 public:
  Expansion(Connections& connections, size_t index) : connections_(connections), index_(index) {}

  const Graph& graph() const { return connections_.graph(); }
  const Node& node() const { return connections_.node(index_); }  ///< the one that is replaced
  /// Appends a node; returns the name of its one output, whose shape InferShapes has to find.
  std::string Add(const std::string& op, std::vector<std::string> inputs,
                  std::map<std::string, Attribute> attributes = {});
  /// The same for a Reshape between known dimensions.
  std::string Reshape(const std::string& value, const std::vector<int64_t>& from,
                      std::vector<int64_t> to);
  std::string Constant(Tensor tensor);
  std::string Ints(std::vector<int64_t> values);  ///< a constant [n]
  std::string Float(float value);                 ///< a constant scalar
  /// The last node added gets the replaced one's output, name and clamp.
  void Finish();

 private:
  Connections& connections_;
  size_t index_;
  std::vector<Node> nodes_;
};

}  // namespace lutra::converter::passes
