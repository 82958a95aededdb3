#include <doctest/doctest.h>

#include "converter/passes/graph_builder.h"
#include "converter/passes/passes.h"

namespace lutra::converter::passes {
namespace {

using Ints = std::vector<int64_t>;

void Fold(Graph& graph) {
  InferShapes(graph);
  FoldConstants(graph);
}

}  // namespace

TEST_CASE("what follows from shapes becomes a constant") {
  GraphBuilder b;
  b.Input("x", {1, 6, 4, 5});
  b.Add("Shape", {"x"}, "shape");
  b.Add("Cast", {"shape"}, "cast", {{"to", int64_t{1}}});
  b.Add("Mul", {"cast", b.Floats("half", {}, {0.5F})}, "halved");
  Graph g = b.Finish({"halved"});
  Fold(g);
  CHECK(g.nodes.empty());
  REQUIRE(g.Constant("halved") != nullptr);
  CHECK(g.Constant("halved")->ToFloats() == std::vector<float>{0.5F, 3, 2, 2.5F});
}

TEST_CASE("large constants are left to be computed") {
  // Of 12 elements each, from scalars.
  GraphBuilder b;
  std::string value = b.Input("x", {12});
  const std::string dims = b.Ints("dims", {12});
  for (const char* name : {"a", "b", "c"}) {
    b.Add("Expand", {b.Floats(name, {}, {1}), dims}, std::string(name) + "12");
    value = b.Add("Add", {value, std::string(name) + "12"}, std::string(name) + "_sum");
  }
  const auto left = [&](FoldLimits limits) {
    Graph g = b.Finish({value});
    InferShapes(g);
    FoldConstants(g, limits);
    return Count(g, "Expand");
  };
  CHECK(left({}) == 0);
  CHECK(left({.one = 12, .all = 36}) == 0);
  CHECK(left({.one = 11, .all = 36}) == 3);
  CHECK(left({.one = 12, .all = 35}) == 1);
  CHECK(left({.one = 12, .all = 12}) == 2);
  CHECK(left({.one = 12, .all = 11}) == 3);
}

TEST_CASE("nodes that change nothing go, and outputs keep their names") {
  GraphBuilder b;
  b.Input("x", {2, 3});
  b.Add("Relu", {"x"}, "a");
  b.Add("Identity", {"a"}, "b");
  b.Add("Dropout", {"b"}, "c");
  b.Add("Reshape", {"c", b.Ints("s", {2, -1})}, "d");
  b.Add("Slice", {"d", b.Ints("start", {0}), b.Ints("end", {99})}, "e");
  b.Add("Concat", {"e"}, "y", {{"axis", int64_t{0}}});
  const Graph before = b.Finish({"y"});
  Graph after = before;
  Fold(after);
  CHECK(Ops(after) == std::vector<std::string>{"Relu"});
  CHECK(after.nodes[0].outputs[0] == "y");
  CHECK(LargestDifference(before, after) == 0);
}

TEST_CASE("a reversed Slice and a Pad that crops and grows keep the shape but are kept") {
  GraphBuilder b;
  b.Input("x", {2, 3});
  b.Add(
      "Slice",
      {"x", b.Ints("start", {-1}), b.Ints("end", {-99}), b.Ints("axes", {1}), b.Ints("step", {-1})},
      "r");
  b.Add("Pad", {"r", b.Ints("pads", {0, 1, 0, -1})}, "y");
  const Graph before = b.Finish({"y"});
  Graph after = before;
  Fold(after);
  CHECK(after.nodes.size() == 2);
  CHECK(LargestDifference(before, after) == 0);
}

TEST_CASE("DequantizeLinear of a constant stays") {
  GraphBuilder b;
  b.Input("x", {1});
  b.Floats("s", {}, {0.5F});
  b.Add("DequantizeLinear", {b.Ints("q", {3}), "s"}, "w");
  b.Add("Add", {"x", "w"}, "y");
  Graph g = b.Finish({"y"});
  g.initializers["q"] = g.initializers["q"].Cast(DataType::int8);
  g.values["q"].type = DataType::int8;
  Fold(g);
  CHECK(Count(g, "DequantizeLinear") == 1);
}

TEST_CASE("all floating types become float32") {
  GraphBuilder b;
  b.Input("x", {2});
  b.Floats("w", {2}, {1.5F, 2});
  b.Add("Cast", {"x"}, "half", {{"to", int64_t{10}}});
  b.Add("Mul", {"half", "w"}, "product");
  b.Add("Cast", {"product"}, "y", {{"to", int64_t{1}}});
  Graph before = b.Finish({"y"});
  before.initializers["w"] = before.initializers["w"].Cast(DataType::float16);
  before.values["w"].type = DataType::float16;
  Graph after = before;
  Fold(after);
  WidenFloats(after);
  CHECK(Ops(after) == std::vector<std::string>{"Mul"});
  CHECK(after.Constant("w")->type() == DataType::float32);
  CHECK(after.nodes[0].outputs[0] == "y");
  CHECK(LargestDifference(before, after) < 0x1p-9);  // float16 rounding of the original
}

TEST_CASE("dead code goes with its constants") {
  GraphBuilder b;
  b.Input("x", {2});
  b.Add("Add", {"x", b.Weights("unused", {2})}, "dead");
  b.Add("Neg", {"dead"}, "deader");
  b.Add("Relu", {"x"}, "y");
  Graph g = b.Finish({"y"});
  RemoveDeadCode(g);
  CHECK(Ops(g) == std::vector<std::string>{"Relu"});
  CHECK(g.initializers.empty());
  CHECK(g.Info("dead") == nullptr);
}

TEST_CASE("values that shapes and constants decide are known") {
  GraphBuilder b;
  b.Input("x", {2, 3});
  b.Add("Relu", {"x"}, "r");
  b.Add("Shape", {"r"}, "shape");
  b.Add("Gather", {"shape", b.Ints("one", {1})}, "columns");
  b.Add("Mul", {"columns", "columns"}, "square");
  const Graph graph = b.Finish({"square", "r"});
  CHECK(KnownValue(graph, "square")->ToInts() == std::vector<int64_t>{9});
  CHECK(KnownValue(graph, "one")->ToInts() == std::vector<int64_t>{1});
  CHECK_FALSE(KnownValue(graph, "r"));
  CHECK_FALSE(KnownValue(graph, "x"));
  CHECK_FALSE(KnownValue(graph, "nothing"));
}

}  // namespace lutra::converter::passes
