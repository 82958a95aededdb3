#include "converter/graph/graph.h"

#include <doctest/doctest.h>

#include "converter/error.h"

namespace lutra::converter {
namespace {

Node MakeNode(std::string op, std::vector<std::string> inputs, std::vector<std::string> outputs) {
  Node node;
  node.op = std::move(op);
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  return node;
}

/// x -> Relu -> a -> Add(a, w) -> y
Graph Small() {
  Graph graph;
  graph.inputs = {"x"};
  graph.outputs = {"y"};
  graph.initializers["w"] = Tensor::Of({1}, std::vector<float>{1});
  graph.nodes = {MakeNode("Relu", {"x"}, {"a"}), MakeNode("Add", {"a", "w"}, {"y"})};
  return graph;
}

}  // namespace

TEST_CASE("questions to a graph") {
  const Graph graph = Small();
  CHECK_NOTHROW(graph.Check());
  CHECK(graph.Producer("y") == 1U);
  CHECK_FALSE(graph.Producer("x"));
  CHECK_FALSE(graph.Producer("w"));
  CHECK(graph.Consumers("a") == std::vector<size_t>{1});
  CHECK(graph.IsOutput("y"));
  CHECK(graph.Constant("w") != nullptr);
  CHECK(graph.Constant("x") == nullptr);
  CHECK(graph.FreshName("z") == "z");
  CHECK(graph.FreshName("a") == "a_1");
  CHECK(graph.FreshName("w") == "w_1");
}

TEST_CASE("attributes by name and type") {
  Node node = MakeNode("Conv", {"x"}, {"", "y"});
  node.attributes["group"] = int64_t{2};
  CHECK(node.Int("group", 1) == 2);
  CHECK(node.Int("other", 5) == 5);
  CHECK(node.Label() == "y");
  CHECK(node.Input(7).empty());
  CHECK_THROWS_WITH_AS(node.Float("group", 0), "node 'y' (Conv): attribute 'group' is not a float",
                       Error);
}

TEST_CASE("ReplaceUses renames in nodes and outputs, not where the value is made") {
  Graph graph = Small();
  graph.ReplaceUses("a", "x");
  CHECK(graph.nodes[1].inputs[0] == "x");
  CHECK(graph.nodes[0].outputs[0] == "a");
  graph.ReplaceUses("y", "a");
  CHECK(graph.outputs[0] == "a");
}

TEST_CASE("Sort orders nodes and keeps order where there is one") {
  Graph graph = Small();
  graph.nodes.push_back(MakeNode("Neg", {"x"}, {"n"}));
  std::swap(graph.nodes[0], graph.nodes[1]);
  CHECK_THROWS_WITH_AS(graph.Check(), "node 'y' (Add) reads 'a', which is computed only after it",
                       Error);
  graph.Sort();
  CHECK_NOTHROW(graph.Check());
  CHECK(graph.nodes[0].op == "Relu");
  CHECK(graph.nodes[1].op == "Add");
  CHECK(graph.nodes[2].op == "Neg");
}

TEST_CASE("faults are named") {
  Graph cycle = Small();
  cycle.nodes[0].inputs.push_back("b");
  cycle.nodes.push_back(MakeNode("Neg", {"a"}, {"b"}));
  cycle.nodes.insert(cycle.nodes.begin(), MakeNode("Abs", {"y"}, {"z"}));  // behind the cycle
  CHECK_THROWS_WITH_AS(cycle.Sort(),
                       "node 'a' (Relu) depends on its own output (the graph has a cycle)", Error);
  Graph dangling = Small();
  dangling.nodes[1].inputs[0] = "nowhere";
  CHECK_THROWS_WITH_AS(dangling.Check(), "node 'y' (Add) reads 'nowhere', which nothing computes",
                       Error);
  Graph twice = Small();
  twice.nodes[1].outputs[0] = "a";
  CHECK_THROWS_WITH_AS(twice.Check(), "node 'a' (Add) computes 'a', which exists already", Error);
  Graph no_output = Small();
  no_output.outputs = {"q"};
  CHECK_THROWS_WITH_AS(no_output.Check(), "the graph's output 'q' is computed by no node", Error);
  Graph clash = Small();
  clash.inputs.push_back("w");
  CHECK_THROWS_WITH_AS(clash.Check(), "the value 'w' is both an input and an initializer", Error);
}

}  // namespace lutra::converter
