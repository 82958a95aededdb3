#include <doctest/doctest.h>

#include "converter/passes/passes.h"
#include "graph_builder.h"

namespace lutra::converter::passes {
namespace {

TEST_CASE("a function behind views of a product goes before them") {
  GraphBuilder b;
  b.Input("x", {1, 3, 4, 5});
  b.Add("Conv", {"x", b.Weights("w", {6, 3, 1, 1})}, "c");
  b.Add("Transpose", {"c"}, "t", {{"perm", std::vector<int64_t>{0, 2, 3, 1}}});
  b.Add("Reshape", {"t", b.Ints("s", {1, -1, 2})}, "r");
  b.Add("Sigmoid", {"r"}, "y");
  const Graph before = b.Finish({"y"});
  Graph after = before;
  InferShapes(after);
  RaiseFunctions(after);
  after.Check();
  CHECK(Ops(after) == std::vector<std::string>{"Conv", "Sigmoid", "Transpose", "Reshape"});
  CHECK(NodeOf(after, "y").op == "Reshape");
  CHECK(LargestDifference(before, after) == 0);
}

TEST_CASE("with its clamp and its scalar constants") {
  GraphBuilder b;
  b.Input("x", {2, 8});
  b.Add("MatMul", {"x", b.Weights("w", {8, 6})}, "m");
  b.Add("Reshape", {"m", b.Ints("s", {3, 4})}, "r");
  b.Add("Max", {"r", b.Floats("limit", {}, {0.25F})}, "y");
  const Graph before = b.Finish({"y"});
  Graph after = before;
  InferShapes(after);
  RaiseFunctions(after);
  after.Check();
  CHECK(Ops(after) == std::vector<std::string>{"MatMul", "Max", "Reshape"});
  CHECK(LargestDifference(before, after) == 0);
}

TEST_CASE("not where another sees a value between, nor behind anything but a product") {
  for (const bool output : {false, true}) {
    GraphBuilder b;
    b.Input("x", {1, 3, 4, 5});
    if (output) {
      b.Add("Conv", {"x", b.Weights("w", {6, 3, 1, 1})}, "c");
    } else {
      b.Add("MaxPool", {"x"}, "c", {{"kernel_shape", std::vector<int64_t>{2, 2}}});
    }
    b.Add("Flatten", {"c"}, "f");
    b.Add("Tanh", {"f"}, "y");
    const std::vector<std::string> outputs =
        output ? std::vector<std::string>{"f", "y"} : std::vector<std::string>{"y"};
    Graph graph = b.Finish(outputs);
    InferShapes(graph);
    const std::vector<std::string> ops = Ops(graph);
    RaiseFunctions(graph);
    CHECK(Ops(graph) == ops);
  }
}

}  // namespace
}  // namespace lutra::converter::passes
