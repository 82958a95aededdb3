#include "converter/passes/expansion.h"

#include <utility>

#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {

std::string Expansion::Add(const std::string& op, std::vector<std::string> inputs,
                           std::map<std::string, Attribute> attributes) {
  Node& added = nodes_.emplace_back();
  added.op = op;
  added.inputs = std::move(inputs);
  added.attributes = std::move(attributes);
  const std::string name = connections_.FreshName(node().outputs[0] + "_" + op);
  added.outputs = {name};
  connections_.SetInfo(name, {});  // takes the name
  return name;
}

std::string Expansion::Reshape(const std::string& value, const std::vector<int64_t>& from,
                               std::vector<int64_t> to) {
  return Add("Reshape", {value, Constant(ReshapeTarget(from, std::move(to)))});
}

std::string Expansion::Constant(Tensor tensor) {
  return connections_.AddInitializer(node().outputs[0] + "_constant", std::move(tensor));
}

std::string Expansion::Ints(std::vector<int64_t> values) {
  const auto count = static_cast<int64_t>(values.size());
  return Constant(Tensor::Of({count}, std::move(values)));
}

std::string Expansion::Float(float value) {
  return Constant(Tensor::Of({}, std::vector<float>{value}));
}

void Expansion::Finish() {
  Node last = std::move(nodes_.back());
  nodes_.pop_back();
  for (Node& added : nodes_) connections_.InsertBefore(index_, std::move(added));
  connections_.Edit(index_, [&](Node& node) {
    node.op = std::move(last.op);
    node.inputs = std::move(last.inputs);
    node.attributes = std::move(last.attributes);
    node.outputs.resize(1);
  });
}

}  // namespace lutra::converter::passes
