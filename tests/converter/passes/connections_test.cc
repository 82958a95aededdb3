// Connections: what is known stays true through every kind of change, and the order of the nodes
// comes out as the changes say.
#include "converter/passes/connections.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

#include "converter/passes/graph_builder.h"
#include "converter/passes/passes.h"

namespace lutra::converter::passes {
namespace {

/// x -> a -> b -> y, and c reads a twice.
Graph Chain() {
  GraphBuilder builder;
  builder.Input("x", {1, 4});
  builder.Add("Relu", {"x"}, "a");
  builder.Add("Neg", {"a"}, "b");
  builder.Add("Add", {"a", "a"}, "c");
  builder.Add("Abs", {"b"}, "y");
  return builder.Finish({"y", "c"});
}

/// What a search through all nodes finds.
void CheckAll(const Connections& connections) {
  for (const char* name : {"x", "a", "b", "c", "y", "n", "z", "absent"}) {
    CAPTURE(name);
    CHECK(connections.Producer(name) == connections.graph().Producer(name));
    std::vector<size_t> readers = connections.Readers(name);
    std::ranges::sort(readers);
    readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
    CHECK(readers == connections.graph().Consumers(name));
    CHECK(connections.IsOutput(name) == connections.graph().IsOutput(name));
  }
}

TEST_CASE("producers and readers follow every change") {
  Graph graph = Chain();
  Connections connections(graph);
  CheckAll(connections);
  CHECK(connections.OnlyConsumer("b") == 3);
  CHECK_FALSE(connections.OnlyConsumer("a"));  // three times
  CHECK_FALSE(connections.OnlyConsumer("c"));  // an output
  connections.SetInput(2, 1, "b");
  CheckAll(connections);
  connections.Edit(1, [](Node& node) { node.outputs = {"n"}; });
  CheckAll(connections);
  connections.ReplaceUses("b", "n");
  CheckAll(connections);
  connections.Remove(2);
  CheckAll(connections);
  Node node;
  node.op = "Exp";
  node.inputs = {"n"};
  node.outputs = {"z"};
  connections.InsertAfter(1, node);
  CheckAll(connections);
}

TEST_CASE("nodes come out where they were put") {
  Graph graph = Chain();
  Connections connections(graph);
  const auto named = [](const std::string& op) {
    Node node;
    node.op = op;
    return node;
  };
  connections.InsertBefore(1, named("first"));
  connections.InsertAfter(1, named("third"));
  connections.InsertBefore(1, named("second"));
  connections.InsertAfter(4, named("zeroth"));  // behind the first that was inserted
  connections.Remove(2);
  connections.Finish();
  CHECK(Ops(graph) ==
        std::vector<std::string>{"Relu", "first", "zeroth", "second", "Neg", "third", "Abs"});
}

TEST_CASE("a bypassed node leaves its name to an output") {
  Graph graph = Chain();
  Connections connections(graph);
  REQUIRE(connections.Bypass(3, "b"));  // y = b
  CHECK(connections.Producer("y") == 1);
  REQUIRE(connections.Bypass(0, "x"));  // a = x
  CheckAll(connections);
  connections.Finish();
  CHECK(Ops(graph) == std::vector<std::string>{"Neg", "Add"});
  graph.Check();
}

TEST_CASE("fresh names") {
  Graph graph = Chain();
  Connections connections(graph);
  CHECK(connections.FreshName("free") == "free");
  CHECK(connections.AddInitializer("a", Tensor::Of({1}, std::vector<float>{1})) == "a_1");
  CHECK(connections.AddInitializer("a", Tensor::Of({1}, std::vector<float>{1})) == "a_2");
  connections.DropUnread("a_1");
  CHECK(graph.Constant("a_1") == nullptr);
  CHECK(graph.Constant("a_2") != nullptr);
}

/// Seconds that it takes to optimize `count` nodes of Conv + Mul + Add + Relu and what exporters
/// leave between them.
double SecondsFor(size_t count) {
  GraphBuilder builder;
  std::string value = builder.Input("x", {1, 1, 1, 4});
  builder.Floats("w", {1, 1, 1, 1}, {0.5F});
  builder.Floats("s", {1, 1, 1}, {2});
  builder.Ints("shape", {1, 1, 1, 4});
  for (size_t i = 0; i < count / 6; ++i) {
    const std::string stem = "v" + std::to_string(i);
    value = builder.Add("Conv", {value, "w"}, stem + "c");
    value = builder.Add("Mul", {value, "s"}, stem + "m");
    value = builder.Add("Identity", {value}, stem + "i");
    value = builder.Add("Add", {value, "s"}, stem + "a");
    value = builder.Add("Reshape", {value, "shape"}, stem + "r");
    value = builder.Add("Relu", {value}, stem + "y");
  }
  Graph graph = builder.Finish({value});
  const auto start = std::chrono::steady_clock::now();
  FuseGraph(graph);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  CHECK(graph.nodes.size() == count / 6);
  return elapsed.count();
}

TEST_CASE("time grows with the nodes, not with their square") {
  // Four times the nodes take 4 times as long, or 16 times; the least of three says which.
  double small = 1e9, large = 1e9;
  for (int run = 0; run < 3; ++run) {
    small = std::min(small, SecondsFor(1500));
    large = std::min(large, SecondsFor(6000));
  }
  MESSAGE("1,500 nodes " << small << " s, 6,000 nodes " << large << " s");
  CHECK(large < 10 * small);
}

}  // namespace
}  // namespace lutra::converter::passes
