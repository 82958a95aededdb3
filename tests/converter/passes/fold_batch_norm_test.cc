#include <doctest/doctest.h>

#include "converter/passes/graph_builder.h"
#include "converter/passes/passes.h"

namespace lutra::converter::passes {
namespace {

using Ints = std::vector<int64_t>;

std::string BatchNorm(GraphBuilder& b, const std::string& x, int64_t channels,
                      const std::string& y) {
  return b.Add("BatchNormalization",
               {x, b.Weights(y + "_g", {channels}), b.Weights(y + "_b", {channels}),
                b.Weights(y + "_m", {channels}), b.Positive(y + "_v", {channels})},
               y, {{"epsilon", 1e-3F}});
}

Graph Folded(const Graph& before) {
  Graph after = before;
  InferShapes(after);
  FoldBatchNorm(after);
  RemoveDeadCode(after);
  // Weights are rounded to float32 once more: a few units in the last place per product.
  CHECK(LargestDifference(before, after) < 1e-5);
  return after;
}

}  // namespace

TEST_CASE("a chain of affine steps behind a convolution folds into it") {
  GraphBuilder b;
  b.Input("x", {2, 4, 6, 5});
  b.Add("Conv", {"x", b.Weights("w", {6, 2, 3, 3})}, "c", {{"group", int64_t{2}}});
  BatchNorm(b, "c", 6, "n");
  b.Add("Mul", {b.Weights("k", {1, 6, 1, 1}), "n"}, "m");
  b.Add("Sub", {b.Weights("o", {6, 1, 1}), "m"}, "s");
  b.Add("Div", {"s", b.Floats("d", {}, {-2})}, "y");
  const Graph after = Folded(b.Finish({"y"}));
  CHECK(Ops(after) == std::vector<std::string>{"Conv"});
  CHECK(after.nodes[0].outputs[0] == "y");
}

TEST_CASE("grouped ConvTranspose and both forms of Gemm fold") {
  GraphBuilder b;
  b.Input("x", {1, 4, 3, 3});
  b.Add("ConvTranspose", {"x", b.Weights("w", {4, 3, 2, 2}), b.Weights("cb", {6})}, "c",
        {{"group", int64_t{2}}, {"strides", Ints{2, 2}}});
  BatchNorm(b, "c", 6, "up");
  b.Input("z", {3, 5});
  b.Add("Gemm", {"z", b.Weights("g", {5, 4}), b.Weights("gb", {1, 4})}, "p",
        {{"alpha", 0.5F}, {"beta", 2.0F}});
  BatchNorm(b, "p", 4, "plain");
  b.Add("Gemm", {"z", b.Weights("t", {4, 5})}, "q", {{"transB", int64_t{1}}});
  b.Add("Add", {"q", b.Weights("a", {4})}, "transposed");
  const Graph after = Folded(b.Finish({"up", "plain", "transposed"}));
  CHECK(after.nodes.size() == 3);
}

TEST_CASE("what is read elsewhere, or differs along other axes, stays") {
  GraphBuilder b;
  b.Input("x", {1, 3, 4, 4});
  b.Add("Conv", {"x", b.Weights("w", {4, 3, 1, 1})}, "c");
  b.Add("Mul", {"c", b.Weights("k", {1, 4, 1, 1})}, "m");
  b.Add("Add", {"c", "m"}, "a");  // second reader of c
  b.Add("Conv", {"x", "w"}, "d");
  b.Add("Mul", {"d", b.Weights("cols", {4})}, "y");  // along the width, which is 4 too
  const Graph after = Folded(b.Finish({"a", "y"}));
  CHECK(Count(after, "Mul") == 2);
}

TEST_CASE("shared weights are not changed for their other reader") {
  GraphBuilder b;
  b.Input("x", {1, 3, 4, 4});
  b.Weights("w", {3, 3, 1, 1});
  b.Add("Conv", {"x", "w"}, "a");
  BatchNorm(b, "a", 3, "n");
  b.Add("Conv", {"n", "w"}, "y");
  const Graph after = Folded(b.Finish({"y"}));
  CHECK(after.nodes.size() == 2);
}

TEST_CASE("a BatchNormalization of its own becomes a depthwise convolution") {
  for (const Ints& dims : {Ints{2, 3, 4, 5}, Ints{2, 3, 7}}) {
    GraphBuilder b;
    b.Input("x", dims);
    BatchNorm(b, "x", 3, "y");
    const Graph after = Folded(b.Finish({"y"}));
    CHECK(Ops(after) == std::vector<std::string>{"Conv"});
    CHECK(after.nodes[0].Int("group", 1) == 3);
  }
}

}  // namespace lutra::converter::passes
