// ToNhwc must change nothing but the order in memory: every case compares with the graph before.
#include <doctest/doctest.h>

#include "converter/passes/graph_builder.h"
#include "converter/passes/passes.h"

namespace lutra::converter::passes {
namespace {

using Ints = std::vector<int64_t>;

Graph Rewritten(const Graph& before, double tolerance = 1e-6) {
  Graph after = before;
  InferShapes(after);
  ToNhwc(after);
  CHECK(LargestDifference(before, after) <= tolerance);
  // Shapes that the rewrite stated are those that inference finds.
  Graph again = after;
  again.values.clear();
  for (const std::string& input : again.inputs) again.values[input] = *before.Info(input);
  for (const auto& [name, tensor] : again.initializers) {
    again.values[name] = {tensor.type(), tensor.dims()};
  }
  InferShapes(again);
  for (const Node& node : after.nodes) {
    for (const std::string& output : node.outputs) {
      CHECK_MESSAGE(after.Info(output)->dims == again.Info(output)->dims, output);
    }
  }
  return after;
}

std::string Conv(GraphBuilder& b, const std::string& x, int64_t in, int64_t out,
                 const std::string& y) {
  return b.Add("Conv", {x, b.Weights(y + "_w", {out, in, 3, 3}), b.Weights(y + "_b", {out})}, y,
               {{"pads", Ints{1, 1, 1, 1}}});
}

}  // namespace

TEST_CASE("a residual network has one Transpose, at its input") {
  GraphBuilder b;
  b.Input("x", {2, 3, 8, 6});
  b.Add("Mul", {"x", b.Weights("norm", {1, 3, 1, 1})}, "n");
  Conv(b, "n", 3, 4, "a");
  b.Add("Relu", {"a"}, "r");
  Conv(b, "r", 4, 4, "c");
  b.Add("Add", {"c", "r"}, "s");
  b.Add("PRelu", {"s", b.Weights("slope", {4, 1, 1})}, "p");
  b.Add("MaxPool", {"p"}, "m", {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  b.Add("GlobalAveragePool", {"m"}, "g");
  b.Add("Reshape", {"g", b.Ints("flat", {0, 4})}, "f");
  b.Add("Gemm", {"f", b.Weights("fc", {4, 5})}, "y");
  const Graph after = Rewritten(b.Finish({"y"}));
  REQUIRE(Count(after, "Transpose") == 1);
  CHECK(after.nodes[0].op == "Transpose");
  CHECK(after.nodes[0].inputs[0] == "x");
  CHECK(NodeOf(after, "c").layout == Layout::nhwc);
  CHECK(NodeOf(after, "m").layout == Layout::nhwc);
  CHECK(*after.Info("c")->dims == Ints{2, 8, 6, 4});
  CHECK(*after.Info("x")->dims == Ints{2, 3, 8, 6});
}

TEST_CASE("a batch normalization normalizes the channels where they are") {
  GraphBuilder b;
  b.Input("x", {2, 3, 8, 6});
  b.Input("other", {2, 3, 8, 6});
  Conv(b, "x", 3, 4, "a");
  const auto normalize = [&](const std::string& x, const std::string& y, int64_t channels) {
    b.Add("BatchNormalization",
          {x, b.Weights(y + "_s", {channels}), b.Weights(y + "_b", {channels}),
           b.Weights(y + "_m", {channels}), b.Positive(y + "_v", {channels})},
          y);
  };
  normalize("a", "n", 4);
  Conv(b, "n", 4, 4, "c");
  normalize("other", "plain", 3);
  const Graph after = Rewritten(b.Finish({"c", "plain"}));
  CHECK(NodeOf(after, "n").layout == Layout::nhwc);
  CHECK(NodeOf(after, "plain").layout == Layout::nchw);
  CHECK(Count(after, "Transpose") == 2);
}

TEST_CASE("a flattening before Gemm permutes the weights, through activations too") {
  for (const int64_t trans_b : {0, 1}) {
    GraphBuilder b;
    b.Input("x", {2, 3, 4, 5});
    Conv(b, "x", 3, 4, "c");
    b.Add("Reshape", {"c", b.Ints("flat", {0, -1})}, "f");
    b.Add("Sigmoid", {"f"}, "s");
    b.Add("Gemm", {"s", b.Weights("w1", trans_b != 0 ? Ints{6, 80} : Ints{80, 6})}, "y",
          {{"transB", trans_b}});
    b.Add("Gemm", {"f", b.Weights("w2", {80, 2})}, "z");
    const Graph after = Rewritten(b.Finish({"y", "z"}), 1e-5);
    CHECK(Count(after, "Transpose") == 1);
  }
}

TEST_CASE("a flattening that others read keeps ONNX's order") {
  GraphBuilder b;
  b.Input("x", {2, 3, 4, 5});
  Conv(b, "x", 3, 4, "c");
  b.Add("Reshape", {"c", b.Ints("flat", {0, -1})}, "f");
  b.Add("Gemm", {"f", b.Weights("w", {80, 2})}, "y");
  const Graph after = Rewritten(b.Finish({"y", "f"}), 1e-5);
  CHECK(Count(after, "Transpose") == 2);
}

TEST_CASE("the head of a detector is free") {
  GraphBuilder b;
  b.Input("x", {1, 3, 4, 6});
  Conv(b, "x", 3, 8, "c");
  b.Add("Transpose", {"c"}, "t", {{"perm", Ints{0, 2, 3, 1}}});
  b.Add("Reshape", {"t", b.Ints("boxes", {1, -1, 4})}, "y");
  const Graph after = Rewritten(b.Finish({"y"}));
  CHECK(Count(after, "Transpose") == 1);
}

TEST_CASE("a channel shuffle needs a transpose of the channels only") {
  GraphBuilder b;
  b.Input("x", {1, 4, 3, 5});
  Conv(b, "x", 4, 6, "c");
  b.Add("Reshape", {"c", b.Ints("split", {1, 2, 3, 3, 5})}, "s");
  b.Add("Transpose", {"s"}, "t", {{"perm", Ints{0, 2, 1, 3, 4}}});
  b.Add("Reshape", {"t", b.Ints("join", {1, 6, 3, 5})}, "j");
  Conv(b, "j", 6, 2, "y");
  const Graph after = Rewritten(b.Finish({"y"}));
  CHECK(Count(after, "Transpose") == 3);  // input, the shuffle, output
}

TEST_CASE("a shuffle that is split by Gather needs none") {
  GraphBuilder b;
  b.Input("x", {1, 4, 3, 5});
  Conv(b, "x", 4, 6, "c");
  b.Add("Reshape", {"c", b.Ints("split", {3, 2, 15})}, "s");
  b.Add("Transpose", {"s"}, "t", {{"perm", Ints{1, 0, 2}}});
  b.Add("Reshape", {"t", b.Ints("join", {2, -1, 3, 3, 5})}, "j");
  b.Floats("i0f", {}, {0});
  b.Floats("i1f", {}, {1});
  Graph g;
  b.Add("Gather", {"j", "i0f"}, "even");
  b.Add("Gather", {"j", "i1f"}, "odd");
  Conv(b, "even", 3, 2, "p");
  Conv(b, "odd", 3, 2, "q");
  b.Add("Add", {"p", "q"}, "a");
  b.Add("GlobalAveragePool", {"a"}, "y");
  g = b.Finish({"y"});
  for (const char* name : {"i0f", "i1f"}) {
    g.initializers[name] = g.initializers[name].Cast(DataType::int64);
    g.values[name].type = DataType::int64;
  }
  CHECK(Count(Rewritten(g), "Transpose") == 2);  // input and output
}

TEST_CASE("operators along an axis are told where it went") {
  GraphBuilder b;
  b.Input("x", {1, 3, 6, 4});
  Conv(b, "x", 3, 4, "c");
  b.Add("Slice",
        {"c", b.Ints("s", {0, 1}), b.Ints("e", {9, 4}), b.Ints("axes", {2, -3}),
         b.Ints("step", {2, 1})},
        "slice");
  b.Add("Pad", {"slice", b.Ints("pads", {0, 1, 0, 1, 0, 0, 2, 0})}, "pad");
  b.Add("Concat", {"pad", "pad"}, "cat", {{"axis", int64_t{1}}});
  b.Add("Softmax", {"cat"}, "soft", {{"axis", int64_t{1}}});
  b.Add("ReduceSum", {"soft", b.Ints("rc", {-3})}, "sum");
  b.Add("ReduceMax", {"soft", b.Ints("rh", {2})}, "max", {{"keepdims", int64_t{0}}});
  b.Add("ArgMax", {"soft"}, "arg", {{"axis", int64_t{1}}, {"keepdims", int64_t{0}}});
  b.Add("Gather", {"soft", b.Ints("pick", {5, 0})}, "picked", {{"axis", int64_t{1}}});
  b.Add("Resize", {"soft", "", b.Floats("scales", {4}, {1, 1, 2, 1.5F})}, "up",
        {{"mode", std::string("linear")}});
  const Graph after = Rewritten(b.Finish({"sum", "max", "arg", "picked", "up"}));
  CHECK(NodeOf(after, "slice").op == "Slice");
  CHECK(NodeOf(after, "cat").Int("axis", 0) == 3);
  CHECK(NodeOf(after, "soft").Int("axis", 0) == 3);
}

TEST_CASE("one spatial axis, transposed convolution, depth to space") {
  GraphBuilder b;
  b.Input("s", {2, 3, 9});
  b.Add("Conv", {"s", b.Weights("w1", {4, 3, 3})}, "c1");
  b.Add("MaxPool", {"c1"}, "p1", {{"kernel_shape", Ints{2}}, {"strides", Ints{2}}});
  b.Add("GlobalAveragePool", {"p1"}, "g1");
  b.Input("x", {1, 4, 5, 4});
  b.Add("ConvTranspose", {"x", b.Weights("w2", {4, 4, 2, 2})}, "t", {{"strides", Ints{2, 2}}});
  b.Add("DepthToSpace", {"t"}, "d", {{"blocksize", int64_t{2}}});
  const Graph after = Rewritten(b.Finish({"g1", "d"}));
  CHECK(*after.Info("c1")->dims == Ints{2, 7, 4});
  CHECK(NodeOf(after, "t").layout == Layout::nhwc);
}

TEST_CASE("a network that was channels last has no Transpose at all") {
  GraphBuilder b;
  b.Input("x", {1, 6, 5, 3});
  b.Add("Transpose", {"x"}, "n", {{"perm", Ints{0, 3, 1, 2}}});
  Conv(b, "n", 3, 4, "c");
  b.Add("Transpose", {"c"}, "y", {{"perm", Ints{0, 2, 3, 1}}});
  const Graph before = b.Finish({"y"});
  CHECK(Count(Rewritten(before), "Transpose") == 0);
  Graph optimized = before;
  OptimizeGraph(optimized);
  CHECK(Ops(optimized) == std::vector<std::string>{"Conv"});
  CHECK(optimized.nodes[0].outputs[0] == "y");
}

TEST_CASE("random graphs") {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    GraphBuilder b(seed);
    std::vector<std::string> values = {b.Input("x", {1, 4, 6, 6})};
    const auto any = [&] { return values[random() % values.size()]; };
    for (size_t i = 0; i < 12; ++i) {
      const std::string name = "v" + std::to_string(i);
      const std::string from = any();
      switch (random() % 9) {
        case 0:
        case 1:
          Conv(b, from, 4, 4, name);
          break;
        case 2:
          b.Add("Add", {from, any()}, name);
          break;
        case 3:
          b.Add("Sigmoid", {from}, name);
          break;
        case 4:
          b.Add("Transpose", {from}, name, {{"perm", Ints{0, 1, 3, 2}}});
          break;
        case 5:
          b.Add("Reshape", {from, b.Ints(name + "_s", {1, 2, 2, 6, 6})}, name + "_5");
          b.Add("Transpose", {name + "_5"}, name + "_t", {{"perm", Ints{0, 2, 1, 3, 4}}});
          b.Add("Reshape", {name + "_t", b.Ints(name + "_r", {1, 4, 6, 6})}, name);
          break;
        case 6:
          b.Add("Mul", {from, b.Weights(name + "_k", {4, 1, 1})}, name);
          break;
        case 7:
          b.Add("Softmax", {from}, name, {{"axis", int64_t(random() % 4)}});
          break;
        default:
          b.Add("Transpose", {from}, name + "_a", {{"perm", Ints{0, 2, 3, 1}}});
          b.Add("Reshape", {name + "_a", b.Ints(name + "_s", {1, 4, 6, 6})}, name);
          break;
      }
      values.push_back(name);
    }
    const Graph before = b.Finish({values.back(), values[values.size() - 2]});
    Rewritten(before, 1e-4);
    Graph optimized = before;
    OptimizeGraph(optimized);
    CHECK(LargestDifference(before, optimized) < 1e-4);
  }
}

TEST_CASE("a Concat with a value whose shape depends on data stays as it is") {
  GraphBuilder b;
  b.Input("x", {1, 3, 8, 6});
  b.Input("shape", {4}, DataType::int64);
  Conv(b, "x", 3, 4, "c");
  b.Add("Reshape", {"x", "shape"}, "r");
  b.Add("Concat", {"c", "r"}, "y", {{"axis", int64_t{1}}});
  Graph graph = b.Finish({"y"});
  InferShapes(graph);
  ToNhwc(graph);
  CHECK(NodeOf(graph, "y").Int("axis", 0) == 1);
  CHECK(NodeOf(graph, "y").inputs[0] != "c");  // but a Transpose of it
}

}  // namespace lutra::converter::passes
