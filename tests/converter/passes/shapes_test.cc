// Expectations worked out by hand from ONNX's definitions.
#include <doctest/doctest.h>

#include "converter/error.h"
#include "converter/passes/graph_builder.h"
#include "converter/passes/infer_shapes.h"
#include "converter/passes/passes.h"

namespace lutra::converter::passes {
namespace {

using Ints = std::vector<int64_t>;

Ints DimsOf(const Graph& graph, const std::string& value) {
  const ValueInfo* info = graph.Info(value);
  REQUIRE(info != nullptr);
  REQUIRE(info->dims);
  return *info->dims;
}

}  // namespace

TEST_CASE("shapes of products, windows and reshapes") {
  GraphBuilder b;
  b.Input("x", {2, 3, 11, 10});
  b.Add("Conv", {"x", b.Weights("w", {8, 3, 3, 3})}, "conv",
        {{"strides", Ints{2, 2}}, {"pads", Ints{1, 0, 1, 0}}, {"dilations", Ints{1, 2}}});
  b.Add("Conv", {"x", "w"}, "same",
        {{"auto_pad", std::string("SAME_UPPER")}, {"strides", Ints{2, 3}}});
  b.Add("MaxPool", {"x"}, "floor", {{"kernel_shape", Ints{2, 3}}, {"strides", Ints{2, 2}}});
  b.Add("MaxPool", {"x"}, "ceil",
        {{"kernel_shape", Ints{2, 3}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}});
  b.Add("ConvTranspose", {"x", b.Weights("t", {3, 4, 2, 2})}, "up", {{"strides", Ints{2, 2}}});
  b.Add("Flatten", {"x"}, "flat", {{"axis", int64_t{2}}});
  b.Add("Reshape", {"x", b.Ints("s", {0, -1, 5})}, "reshaped");
  b.Add("MatMul", {"x", b.Weights("m", {10, 7})}, "matmul");
  b.Add("MatMul", {b.Weights("v", {11}), "x"}, "vector");
  b.Add("Add", {"x", b.Weights("c", {3, 1, 1})}, "sum");
  b.Add("Transpose", {"x"}, "back");
  Graph g = b.Finish({"conv", "same", "floor", "ceil", "up", "flat", "reshaped", "matmul", "vector",
                      "sum", "back"});
  InferShapes(g);
  CHECK(DimsOf(g, "conv") == Ints{2, 8, 6, 3});
  CHECK(DimsOf(g, "same") == Ints{2, 8, 6, 4});
  CHECK(DimsOf(g, "floor") == Ints{2, 3, 5, 4});
  CHECK(DimsOf(g, "ceil") == Ints{2, 3, 6, 5});
  CHECK(DimsOf(g, "up") == Ints{2, 4, 22, 20});
  CHECK(DimsOf(g, "flat") == Ints{6, 110});
  CHECK(DimsOf(g, "reshaped") == Ints{2, 66, 5});
  CHECK(DimsOf(g, "matmul") == Ints{2, 3, 11, 7});
  CHECK(DimsOf(g, "vector") == Ints{2, 3, 10});
  CHECK(DimsOf(g, "sum") == Ints{2, 3, 11, 10});
  CHECK(DimsOf(g, "back") == Ints{10, 11, 3, 2});
}

TEST_CASE("shape arithmetic is followed, data is not") {
  GraphBuilder b;
  b.Input("x", {1, 6, 4, 5});
  b.Add("Shape", {"x"}, "shape");
  b.Add("Gather", {"shape", b.Ints("two", {2, 3})}, "hw");
  b.Add("Concat", {b.Ints("lead", {1, -1}), "hw"}, "target", {{"axis", int64_t{0}}});
  b.Add("Reshape", {"x", "target"}, "y");
  b.Add("NonZero", {"x"}, "found");
  Graph g = b.Finish({"y", "found"});
  InferShapes(g);
  CHECK(DimsOf(g, "y") == Ints{1, 6, 4, 5});
  CHECK(g.Info("shape")->type == DataType::int64);
  CHECK_FALSE(g.Info("found")->dims);
}

TEST_CASE("open inputs and misfits are named") {
  GraphBuilder open;
  open.Input("x", {1, 3, -1, 8});
  open.Add("Relu", {"x"}, "y");
  Graph g = open.Finish({"y"});
  CHECK_THROWS_WITH_AS(InferShapes(g),
                       "input 'x' has dimensions that are not fixed (1x3x?x8): give them with "
                       "--input-shape",
                       Error);
  GraphBuilder misfit;
  misfit.Input("x", {1, 3, 8, 8});
  misfit.Add("Conv", {"x", misfit.Weights("w", {4, 2, 3, 3})}, "y");
  Graph h = misfit.Finish({"y"});
  CHECK_THROWS_WITH_AS(InferShapes(h),
                       "node 'y' (Conv): weights of 4x2x3x3 and group 1 do not fit an input of "
                       "1x3x8x8",
                       Error);
}

TEST_CASE("what a small file can ask for is bounded") {
  GraphBuilder large;
  large.Input("x", {1, int64_t{1} << 29});
  large.Add("Relu", {"x"}, "y");
  Graph g = large.Finish({"y"});
  CHECK_THROWS_WITH_AS(InferShapes(g),
                       "input 'x' of 1x536870912 is too large: 2^28 elements and 2^26 along one "
                       "dimension are the most",
                       Error);
  // Three nodes read and give 16 elements each, the fourth would pass 100.
  GraphBuilder chain;
  std::string value = chain.Input("x", {4, 4});
  for (int i = 0; i < 4; ++i) value = chain.Add("Softmax", {value}, "v" + std::to_string(i));
  Graph h = chain.Finish({value});
  CHECK_THROWS_WITH_AS(InferShapes(h, 100),
                       "node 'v3' (Softmax): the values up to here hold too many elements to be "
                       "computed: give the inputs smaller shapes",
                       Error);
  Graph again = chain.Finish({value});
  CHECK_NOTHROW(InferShapes(again, 128));
}

TEST_CASE("windows are not walked for their shapes") {
  GraphBuilder b;
  b.Input("x", {1, 2, 4096, 4096});
  b.Add("MaxPool", {"x"}, "max",
        {{"kernel_shape", Ints{999, 999}}, {"dilations", Ints{2, 2}}, {"strides", Ints{3, 7}}});
  b.Add("AveragePool", {"max"}, "mean",
        {{"kernel_shape", Ints{2, 2}}, {"ceil_mode", int64_t{1}}, {"strides", Ints{2, 2}}});
  b.Add("GlobalMaxPool", {"mean"}, "all");
  Graph graph = b.Finish({"all"});
  InferShapes(graph, 100);                              // elements that may be computed with
  CHECK(DimsOf(graph, "max") == Ints{1, 2, 700, 300});  // (4096 - 1997) / 3 + 1, / 7 + 1
  CHECK(DimsOf(graph, "mean") == Ints{1, 2, 350, 150});
  CHECK(DimsOf(graph, "all") == Ints{1, 2, 1, 1});
}

TEST_CASE("functions of elements are not computed for their shapes") {
  GraphBuilder b;
  b.Input("x", {2, 1, 4});
  b.Add("Relu", {"x"}, "r");
  b.Add("Add", {"r", b.Weights("w", {3, 1})}, "sum");
  b.Add("Clip", {"sum", b.Floats("lo", {}, {0}), ""}, "clipped");
  b.Add("Less", {"clipped", "x"}, "less");
  b.Add("Where", {"less", "x", "sum"}, "y");
  b.Add("Cast", {"less"}, "cast", {{"to", int64_t{7}}});
  Graph g = b.Finish({"y", "cast"});
  InferShapes(g, 0);
  for (const char* value : {"sum", "clipped", "less", "y", "cast"}) {
    CAPTURE(value);
    REQUIRE(g.Info(value)->dims);
    CHECK(*g.Info(value)->dims == std::vector<int64_t>{2, 3, 4});
  }
  CHECK(*g.Info("r")->dims == std::vector<int64_t>{2, 1, 4});
  CHECK(g.Info("y")->type == DataType::float32);
  CHECK(g.Info("less")->type == DataType::boolean);
  CHECK(g.Info("cast")->type == DataType::int64);

  GraphBuilder misfit;
  misfit.Input("x", {2, 3});
  misfit.Add("Mul", {"x", misfit.Weights("w", {4})}, "y");
  Graph h = misfit.Finish({"y"});
  CHECK_THROWS_WITH_AS(InferShapes(h), "node 'y' (Mul): shapes 2x3 and 4 do not broadcast", Error);
}

}  // namespace lutra::converter::passes
