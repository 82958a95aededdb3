// Operators that are written as several others: the float executor gives the same before and after,
// and nothing is left that the runtime does not have.
#include <doctest/doctest.h>

#include "converter/passes/graph_builder.h"
#include "converter/passes/passes.h"

namespace lutra::converter::passes {
namespace {

using Ints = std::vector<int64_t>;
using Names = std::vector<std::string>;

/// What FuseGraph makes of it; checks that it computes the same.
Graph Fused(const GraphBuilder& builder) {
  GraphBuilder b = builder;
  const Graph before = b.Finish({"y"});
  Graph after = before;
  FuseGraph(after);
  after.Check();
  CHECK(LargestDifference(before, after) < 1e-5);
  return after;
}

GraphBuilder On(Ints dims) {
  GraphBuilder b;
  b.Input("x", std::move(dims));
  return b;
}

}  // namespace

TEST_CASE("Sum, Mean, Max and Min of one to four values") {
  for (const char* op : {"Sum", "Mean", "Max", "Min"}) {
    for (size_t count = 1; count <= 4; ++count) {
      CAPTURE(op);
      CAPTURE(count);
      GraphBuilder b = On({1, 3, 4, 5});
      std::vector<std::string> inputs = {"x"};
      // Operands of other ranks broadcast.
      if (count > 1) inputs.push_back(b.Add("Sigmoid", {"x"}, "s"));
      if (count > 2) inputs.push_back(b.Weights("w", {4, 1}));
      if (count > 3) inputs.push_back(b.Weights("v", {1, 3, 1, 1}));
      b.Add(op, inputs, "m");
      b.Add("Tanh", {"m"}, "y");
      const Graph after = Fused(b);
      for (const Node& node : after.nodes) {
        CHECK(node.op != "Sum");
        CHECK(node.op != "Mean");
        CHECK(node.inputs.size() <= 2);
      }
      if (count == 1) CHECK(Ops(after) == Names{"Tanh"});
    }
  }
  GraphBuilder alone = On({2, 3});
  alone.Add("Mean", {"x"}, "y");
  CHECK(Ops(Fused(alone)) == Names{"Identity"});
}

TEST_CASE("reductions and norms that are formulas of others") {
  for (const char* op : {"ReduceL1", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"}) {
    for (const int64_t keep : {int64_t{0}, int64_t{1}}) {
      CAPTURE(op);
      GraphBuilder b = On({2, 3, 4});
      b.Add("Exp", {"x"}, "e");  // ReduceLogSum wants a positive sum
      b.Add(op, {"e", b.Ints("axes", {-1, 0})}, "y", {{"keepdims", keep}});
      const Graph after = Fused(b);
      CHECK(Count(after, op) == 0);
      CHECK(*after.Info("y")->dims == (keep == 1 ? Ints{1, 3, 1} : Ints{3}));
    }
  }
  for (const int64_t p : {int64_t{1}, int64_t{2}}) {
    GraphBuilder b = On({2, 3, 4});
    b.Add("LpNormalization", {"x"}, "y", {{"axis", int64_t{1}}, {"p", p}});
    CHECK(Count(Fused(b), "LpNormalization") == 0);
  }
  for (const int64_t p : {int64_t{1}, int64_t{2}}) {
    GraphBuilder b = On({1, 3, 4, 5});
    b.Add("GlobalLpPool", {"x"}, "y", {{"p", p}});
    CHECK(Count(Fused(b), "GlobalLpPool") == 0);
  }
}

TEST_CASE("normalizations by neighbours and by moments are formulas of others") {
  for (const int64_t size : {int64_t{1}, int64_t{2}, int64_t{5}, int64_t{7}}) {
    for (const Ints& dims : {Ints{1, 6, 5}, Ints{2, 6, 3, 4}}) {
      CAPTURE(size);
      CAPTURE(dims.size());
      GraphBuilder b = On(dims);
      b.Add("LRN", {"x"}, "y", {{"size", size}, {"alpha", 0.5F}, {"beta", 0.6F}, {"bias", 2.0F}});
      CHECK(Count(Fused(b), "LRN") == 0);
    }
  }
  for (const Ints& axes : {Ints{0, 2, 3}, Ints{2, 3}, Ints{-1}}) {
    GraphBuilder b = On({2, 3, 4, 5});
    b.Add("MeanVarianceNormalization", {"x"}, "y", {{"axes", axes}});
    CHECK(Count(Fused(b), "MeanVarianceNormalization") == 0);
  }
}

TEST_CASE("what changes nothing between an input and an output is a copy") {
  GraphBuilder tile = On({2, 3});
  tile.Add("Tile", {"x", tile.Ints("repeats", {1, 1})}, "y");
  CHECK(Ops(Fused(tile)) == Names{"Identity"});
  GraphBuilder resize = On({1, 2, 3, 4});
  resize.Add("Resize", {"x", "", "", resize.Ints("sizes", {1, 2, 3, 4})}, "y",
             {{"mode", std::string("cubic")}});
  CHECK(Ops(Fused(resize)) == Names{"Identity"});
}

TEST_CASE("Gemm in every form becomes one by constant weights, or a MatMul") {
  for (const int64_t trans_a : {int64_t{0}, int64_t{1}}) {
    for (const int64_t trans_b : {int64_t{0}, int64_t{1}}) {
      for (const Ints& bias : {Ints{}, Ints{4}, Ints{3, 1}, Ints{3, 4}, Ints{1}, Ints{1, 4}}) {
        for (const bool computed : {false, true}) {
          CAPTURE(trans_a);
          CAPTURE(trans_b);
          CAPTURE(bias.size());
          GraphBuilder b = On(trans_a == 1 ? Ints{5, 3} : Ints{3, 5});
          std::string weights = b.Weights("w", trans_b == 1 ? Ints{4, 5} : Ints{5, 4});
          if (computed) {
            // Depends on the input, which keeps it from being folded.
            b.Add("ReduceMax", {"x"}, "scale", {{"keepdims", int64_t{0}}});
            weights = b.Add("Mul", {weights, "scale"}, "scaled");
          }
          std::vector<std::string> inputs = {"x", weights};
          if (!bias.empty()) inputs.push_back(b.Weights("b", bias));
          b.Add("Gemm", inputs, "g",
                {{"transA", trans_a}, {"transB", trans_b}, {"alpha", 0.5F}, {"beta", 2.0F}});
          b.Add("Relu", {"g"}, "y");
          const Graph after = Fused(b);
          CHECK(Count(after, "Gemm") == (computed ? 0 : 1));
          CHECK(Count(after, "MatMul") == (computed ? 1 : 0));
          for (const Node& node : after.nodes) CHECK(node.Int("transA", 0) == 0);
        }
      }
    }
  }
}

TEST_CASE("MatMul by a vector is one by a matrix") {
  const auto check = [](Ints left, Ints right, bool left_is_input) {
    GraphBuilder b = On(left_is_input ? left : right);
    const std::string v = b.Weights("v", left_is_input ? right : left);
    b.Add("MatMul", left_is_input ? Names{"x", v} : Names{v, "x"}, "m");
    b.Add("Tanh", {"m"}, "y");
    const Graph after = Fused(b);
    for (const Node& node : after.nodes) {
      if (node.op != "MatMul" && node.op != "Gemm") continue;
      for (size_t i = 0; i < 2; ++i) {
        const Tensor* constant = after.Constant(node.inputs[i]);
        CHECK((constant ? constant->rank() : after.Info(node.inputs[i])->dims->size()) >= 2);
      }
    }
  };
  for (const bool left_is_input : {true, false}) {
    check({6}, {6}, left_is_input);
    check({3, 6}, {6}, left_is_input);
    check({6}, {6, 4}, left_is_input);
    check({2, 3, 6}, {6}, left_is_input);
    check({6}, {2, 6, 4}, left_is_input);
  }
}

TEST_CASE("Tile, Expand and the wrap mode gather; edge and reflect pads crop first") {
  GraphBuilder tile = On({1, 3, 2});
  tile.Add("Tile", {"x", tile.Ints("repeats", {2, 1, 3})}, "y");
  CHECK(Ops(Fused(tile)) == Names{"Gather", "Gather"});

  GraphBuilder expand = On({3, 1});
  expand.Add("Expand", {"x", expand.Ints("shape", {2, 1, 4})}, "y");
  CHECK(Ops(Fused(expand)) == Names{"Reshape", "Gather", "Gather"});

  GraphBuilder wrap = On({2, 5});
  wrap.Add("Pad", {"x", wrap.Ints("pads", {0, 7, 0, -2})}, "y", {{"mode", std::string("wrap")}});
  CHECK(Count(Fused(wrap), "Pad") == 0);

  for (const char* mode : {"edge", "reflect"}) {
    CAPTURE(mode);
    GraphBuilder both = On({1, 2, 5, 6});
    both.Add("Pad", {"x", both.Ints("pads", {-1, 2, 3, -2}), "", both.Ints("axes", {-1, 2})}, "y",
             {{"mode", std::string(mode)}});
    CHECK(Ops(Fused(both)) == Names{"Slice", "Pad"});
    GraphBuilder crop = On({1, 2, 5, 6});
    crop.Add("Pad", {"x", crop.Ints("pads", {0, 0, -1, 0, 0, 0, 0, -2})}, "y",
             {{"mode", std::string(mode)}});
    CHECK(Ops(Fused(crop)) == Names{"Slice"});
  }
}

TEST_CASE("BatchNormalization on any number of dimensions is a depthwise Conv") {
  for (const Ints& dims : {Ints{2, 4}, Ints{2, 4, 5}, Ints{2, 4, 3, 3}, Ints{2, 4, 3, 2, 2}}) {
    CAPTURE(dims.size());
    GraphBuilder b = On(dims);
    b.Add(
        "BatchNormalization",
        {"x", b.Weights("s", {4}), b.Weights("b", {4}), b.Weights("m", {4}), b.Positive("v", {4})},
        "y");
    const Graph after = Fused(b);
    CHECK(Count(after, "Conv") == 1);
    CHECK(Count(after, "BatchNormalization") == 0);
  }
}

TEST_CASE("Clip whose limits have changed places gives the upper one") {
  GraphBuilder b = On({1, 8});
  b.Add("Gemm", {"x", b.Weights("w", {8, 4})}, "g");
  b.Add("Clip", {"g", b.Floats("lo", {}, {2}), b.Floats("hi", {}, {-1})}, "y");
  const Graph after = Fused(b);
  REQUIRE(after.nodes.size() == 1);
  REQUIRE(after.nodes[0].clamp);
  CHECK(after.nodes[0].clamp->lo == -1);
  CHECK(after.nodes[0].clamp->hi == -1);
}

TEST_CASE("a Resize that is none of an image's width and height, nearest or linear") {
  for (const char* mode : {"nearest", "linear", "cubic"}) {
    for (const Ints& dims :
         {Ints{6}, Ints{4, 5}, Ints{1, 2, 5}, Ints{1, 2, 4, 5}, Ints{1, 2, 4, 5, 3}}) {
      CAPTURE(mode);
      CAPTURE(dims.size());
      GraphBuilder b = On(dims);
      std::vector<float> scales(dims.size(), 1.0F);
      scales.back() = 1.7F;
      if (dims.size() > 3) scales[2] = 0.6F;
      const auto rank = static_cast<int64_t>(dims.size());
      b.Add("Resize", {"x", "", b.Floats("scales", {rank}, scales)}, "y",
            {{"mode", std::string(mode)}});
      const Graph after = Fused(b);
      const bool image = dims.size() == 3 || dims.size() == 4;
      const bool kept = image && std::string(mode) != "cubic";
      CHECK(Count(after, "Resize") == (kept ? 1 : 0));
      if (!kept && std::string(mode) == "nearest") CHECK(Count(after, "Gather") >= 1);
      if (!kept && std::string(mode) != "nearest") CHECK(Count(after, "MatMul") >= 1);
    }
  }
  GraphBuilder smooth = On({1, 2, 9, 8});
  smooth.Add("Resize", {"x", "", smooth.Floats("scales", {4}, {1, 1, 0.5F, 0.3F})}, "y",
             {{"mode", std::string("linear")}, {"antialias", int64_t{1}}});
  CHECK(Count(Fused(smooth), "MatMul") == 2);
}

TEST_CASE("the rounding of Resize-10 gets its name, or is written out where axes differ") {
  const auto fused = [](std::vector<float> scales) {
    GraphBuilder b = On({1, 2, 9, 8});
    b.Add("Resize", {"x", "", b.Floats("scales", {4}, std::move(scales))}, "y",
          {{"nearest_mode", std::string("ceil_to_shrink")},
           {"coordinate_transformation_mode", std::string("asymmetric")}});
    return Fused(b);
  };
  CHECK(fused({1, 1, 2, 1.7F}).nodes[0].String("nearest_mode", "") == "floor");
  CHECK(fused({1, 1, 0.6F, 1}).nodes[0].String("nearest_mode", "") == "ceil");
  CHECK(Count(fused({1, 1, 0.6F, 2}), "Gather") == 2);
}

}  // namespace lutra::converter::passes
