#include <doctest/doctest.h>

#include "converter/passes/graph_builder.h"
#include "converter/passes/passes.h"

namespace lutra::converter::passes {
namespace {

using Ints = std::vector<int64_t>;

}  // namespace

TEST_CASE("the Reshape family becomes one Reshape that leaves the batch open") {
  GraphBuilder b;
  b.Input("x", {1, 4, 1, 6});
  b.Add("Squeeze", {"x", b.Ints("a", {2})}, "s");
  b.Add("Unsqueeze", {"s", b.Ints("b", {-1})}, "u");
  b.Add("Flatten", {"u"}, "y");
  const Graph before = b.Finish({"y"});
  Graph after = before;
  InferShapes(after);
  CanonicalReshape(after);
  RemoveDeadCode(after);
  REQUIRE(Ops(after) == std::vector<std::string>{"Reshape"});
  CHECK(after.Constant(after.nodes[0].inputs[1])->ToInts() == Ints{0, 24});
  CHECK(LargestDifference(before, after) == 0);
}

TEST_CASE("auto_pad becomes pads") {
  for (const char* mode : {"SAME_UPPER", "SAME_LOWER", "VALID"}) {
    GraphBuilder b;
    b.Input("x", {1, 2, 7, 8});
    b.Add("Conv", {"x", b.Weights("w", {3, 2, 4, 3})}, "c",
          {{"auto_pad", std::string(mode)}, {"strides", Ints{2, 2}}});
    b.Add("AveragePool", {"c"}, "y",
          {{"auto_pad", std::string(mode)}, {"kernel_shape", Ints{2, 2}}});
    const Graph before = b.Finish({"y"});
    Graph after = before;
    InferShapes(after);
    CanonicalSpatial(after);
    CHECK_FALSE(after.nodes[0].Has("auto_pad"));
    CHECK_FALSE(after.nodes[1].Has("auto_pad"));
    CHECK(LargestDifference(before, after) == 0);
  }
}

TEST_CASE("every mean over all of the image is a GlobalAveragePool") {
  GraphBuilder b;
  b.Input("x", {2, 3, 5, 4});
  b.Add("ReduceMean", {"x", b.Ints("hw", {-1, 2})}, "kept");
  b.Add("ReduceMean", {"x", "hw"}, "dropped", {{"keepdims", int64_t{0}}});
  b.Add("AveragePool", {"x"}, "pooled", {{"kernel_shape", Ints{5, 4}}});
  b.Add("ReduceMean", {"x", b.Ints("c", {1})}, "channels");
  b.Add("AveragePool", {"x"}, "rows", {{"kernel_shape", Ints{5, 1}}});
  const Graph before = b.Finish({"kept", "dropped", "pooled", "channels", "rows"});
  Graph after = before;
  InferShapes(after);
  CanonicalSpatial(after);
  CHECK(Count(after, "GlobalAveragePool") == 3);
  CHECK(NodeOf(after, "channels").op == "ReduceMean");
  CHECK(NodeOf(after, "rows").op == "AveragePool");
  CHECK(LargestDifference(before, after) < 1e-6);
}

TEST_CASE("Resize of chosen axes names all of them") {
  GraphBuilder b;
  b.Input("x", {1, 2, 3, 4});
  b.Add("Resize", {"x", "", "", b.Ints("sizes", {8, 9})}, "a", {{"axes", Ints{3, 2}}});
  b.Add("Resize", {"x", "", b.Floats("scales", {1}, {2})}, "y", {{"axes", Ints{-1}}});
  const Graph before = b.Finish({"a", "y"});
  Graph after = before;
  InferShapes(after);
  CanonicalSpatial(after);
  CHECK(after.Constant(after.nodes[0].Input(3))->ToInts() == Ints{1, 2, 9, 8});
  CHECK(after.Constant(after.nodes[1].Input(2))->ToFloats() == std::vector<float>{1, 1, 1, 2});
  CHECK(LargestDifference(before, after) == 0);
}

TEST_CASE("Softmax of old opsets is restored where one dimension is meant") {
  const auto flat_softmax = [](Ints dims, int64_t axis) {
    GraphBuilder b;
    b.Input("x", dims);
    b.Add("Shape", {"x"}, "s");
    b.Add("Flatten", {"x"}, "f", {{"axis", axis}});
    b.Add("Softmax", {"f"}, "r", {{"axis", int64_t{-1}}});
    b.Add("Reshape", {"r", "s"}, "y");
    return b.Finish({"y"});
  };
  const auto rewritten = [](const Graph& before) {
    Graph after = before;
    InferShapes(after);
    FoldConstants(after);
    CanonicalReshape(after);
    CanonicalSoftmax(after);
    RemoveDeadCode(after);
    CHECK(LargestDifference(before, after) < 1e-6);
    return after;
  };
  const Graph last = rewritten(flat_softmax({2, 3, 4, 5}, 3));
  CHECK(Ops(last) == std::vector<std::string>{"Softmax"});
  CHECK(last.nodes[0].Int("axis", 0) == 3);
  const Graph classes = rewritten(flat_softmax({1, 10, 1, 1}, 1));
  CHECK(Ops(classes) == std::vector<std::string>{"Softmax"});
  CHECK(classes.nodes[0].Int("axis", 0) == 1);
  CHECK(rewritten(flat_softmax({2, 3, 4, 5}, 2)).nodes.size() == 3);
}

TEST_CASE("MatMul by a constant, with its bias, becomes Gemm") {
  GraphBuilder b;
  b.Input("x", {5, 6});
  b.Input("z", {2, 3, 6});
  b.Weights("w", {6, 4});
  b.Add("MatMul", {"x", "w"}, "m");
  b.Add("Add", {b.Weights("bias", {1, 4}), "m"}, "with");
  b.Add("MatMul", {"with", b.Weights("v", {4, 2})}, "without");
  b.Add("MatMul", {"z", "w"}, "p");
  b.Add("Add", {"p", "bias"}, "deep");
  b.Add("MatMul", {"z", "w"}, "shared");
  const Graph before = b.Finish({"without", "deep", "shared"});
  Graph after = before;
  InferShapes(after);
  MatMulToGemm(after);
  RemoveDeadCode(after);
  CHECK(NodeOf(after, "with").op == "Gemm");
  CHECK(NodeOf(after, "with").inputs.size() == 3);
  CHECK(NodeOf(after, "without").op == "Gemm");
  CHECK(NodeOf(after, "deep").op == "Reshape");
  CHECK(NodeOf(after, "shared").op == "MatMul");
  CHECK(Count(after, "Add") == 0);
  CHECK(LargestDifference(before, after) < 1e-6);
}

}  // namespace lutra::converter::passes
