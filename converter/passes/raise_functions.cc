// A function of one element behind views of a product's result trades places with them: next to the
// product it becomes part of it. Each element is the same either way.
#include <algorithm>
#include <vector>

#include "converter/graph/operator_table.h"
#include "converter/graph/product.h"
#include "converter/passes/connections.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

// The input that is no scalar constant, if there is one and the node is a function of it.
std::optional<size_t> Argument(const Graph& graph, const Node& node) {
  if (!node.domain.empty() || !Is(node, kFunction) || node.outputs.size() != 1) return std::nullopt;
  std::optional<size_t> argument;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i].empty() || ScalarConstant(graph, node.inputs[i])) continue;
    if (argument || graph.Constant(node.inputs[i]) != nullptr) return std::nullopt;
    argument = i;
  }
  return argument;
}

// The views between a product and the value, the last first; none where there is no product.
std::vector<size_t> ViewsOfProduct(const Connections& connections, std::string value) {
  std::vector<size_t> views;
  for (;;) {
    const std::optional<size_t> producer = connections.Producer(value);
    if (!producer || !connections.OnlyConsumer(value)) return {};
    const Node& node = connections.node(*producer);
    if (ProductOf(node)) return views;
    if (!Is(node, kView) || node.clamp) return {};
    views.push_back(*producer);
    value = node.inputs[0];
  }
}

}  // namespace

void RaiseFunctions(Graph& graph) {
  Connections connections(graph);
  for (size_t i = 0; i < connections.size(); ++i) {
    const std::optional<size_t> argument = Argument(graph, connections.node(i));
    if (!argument) continue;
    const std::vector<size_t> views =
        ViewsOfProduct(connections, connections.node(i).inputs[*argument]);
    if (views.empty()) continue;
    Node raised = connections.node(i);
    const std::string result = raised.outputs[0];
    const std::string product = connections.node(views.back()).inputs[0];
    const std::string name = connections.FreshName(result + "_unshaped");
    raised.inputs[*argument] = product;
    raised.outputs = {name};
    if (const ValueInfo* info = graph.Info(product)) connections.SetInfo(name, *info);
    connections.Remove(i);
    connections.InsertBefore(views.back(), std::move(raised));
    connections.SetInput(views.back(), 0, name);
    connections.Edit(views.front(), [&](Node& node) { node.outputs = {result}; });
  }
  connections.Finish();
}

}  // namespace lutra::converter::passes
