// Clamps, gates and pads.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "converter/passes/graph_builder.h"
#include "converter/passes/passes.h"

namespace lutra::converter::passes {
namespace {

using Ints = std::vector<int64_t>;

Graph Fused(const Graph& before, double tolerance = 0) {
  Graph after = before;
  InferShapes(after);
  FusePads(after);
  FuseActivations(after);
  RemoveDeadCode(after);
  CHECK(LargestDifference(before, after) <= tolerance);
  return after;
}

/// y = one activation of x, by the function that writes its nodes.
template <typename F>
Graph Activation(F&& write) {
  GraphBuilder b;
  b.Input("x", {2, 50});
  write(b);
  return b.Finish({"y"});
}

}  // namespace

TEST_CASE("Relu and Clip become clamps, one after the other too") {
  GraphBuilder b;
  b.Input("x", {1, 3, 6, 6});
  b.Add("Conv", {"x", b.Weights("w", {4, 3, 3, 3})}, "c");
  b.Add("Relu", {"c"}, "r");
  b.Add("Clip", {"r", b.Floats("lo", {}, {-1}), b.Floats("hi", {}, {6})}, "k");
  b.Add("Add", {"k", b.Weights("o", {1, 4, 1, 1})}, "a");
  b.Add("Clip", {"a", "", "hi"}, "y");
  const Graph after = Fused(b.Finish({"y"}));
  REQUIRE(Ops(after) == std::vector<std::string>{"Conv", "Add"});
  CHECK(after.nodes[0].outputs[0] == "k");
  CHECK(after.nodes[0].clamp->lo == 0);
  CHECK(after.nodes[0].clamp->hi == 6);
  CHECK(std::isinf(after.nodes[1].clamp->lo));
  CHECK(after.nodes[1].clamp->hi == 6);
}

TEST_CASE("limits that exclude each other compose to a constant") {
  GraphBuilder b;
  b.Input("x", {4});
  b.Add("Add", {"x", "x"}, "a");
  b.Add("Clip", {"a", b.Floats("l1", {}, {-2}), b.Floats("h1", {}, {-1})}, "c");
  b.Add("Relu", {"c"}, "y");
  const Graph after = Fused(b.Finish({"y"}));
  CHECK(after.nodes[0].clamp->lo == 0);
  CHECK(after.nodes[0].clamp->hi == 0);
}

TEST_CASE("a clamp passes MaxPool and Reshape, but no value that others see") {
  GraphBuilder b;
  b.Input("x", {1, 3, 6, 6});
  b.Add("Conv", {"x", b.Weights("w", {4, 3, 3, 3})}, "c");
  b.Add("MaxPool", {"c"}, "p", {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  b.Add("Reshape", {"p", b.Ints("s", {1, 16})}, "f");
  b.Add("Relu", {"f"}, "y");
  b.Add("Conv", {"x", "w"}, "d");
  b.Add("Relu", {"d"}, "r");
  b.Add("Add", {"d", "r"}, "z");
  const Graph after = Fused(b.Finish({"y", "z"}));
  CHECK(NodeOf(after, "c").clamp);
  CHECK(NodeOf(after, "y").op == "Reshape");
  CHECK_FALSE(NodeOf(after, "d").clamp);
  CHECK(NodeOf(after, "r").op == "Relu");
}

TEST_CASE("activations written as several nodes") {
  SUBCASE("SiLU") {
    const Graph after = Fused(Activation([](GraphBuilder& b) {
                                b.Add("Sigmoid", {"x"}, "s");
                                b.Add("Mul", {"s", "x"}, "y");
                              }),
                              1e-6);
    CHECK(Ops(after) == std::vector<std::string>{"Silu"});
  }
  SUBCASE("HardSwish from its parts") {
    for (const int form : {0, 1, 2, 3}) {
      const Graph after =
          Fused(Activation([&](GraphBuilder& b) {
                  b.Floats("three", {}, {3});
                  b.Floats("zero", {}, {0});
                  b.Floats("six", {}, {6});
                  b.Floats("sixth", {}, {1.0F / 6});
                  b.Add("Add", {"three", "x"}, "a");
                  b.Add("Clip", {"a", "zero", "six"}, "c");
                  if (form == 0) {
                    b.Add("Div", {"c", "six"}, "d");
                    b.Add("Mul", {"x", "d"}, "y");
                  } else if (form == 1) {
                    b.Add("Mul", {"x", "c"}, "d");
                    b.Add("Div", {"d", "six"}, "y");
                  } else if (form == 2) {
                    b.Add("Mul", {"c", "x"}, "d");
                    b.Add("Mul", {"sixth", "d"}, "y");
                  } else {
                    b.Add("HardSigmoid", {"x"}, "d", {{"alpha", 1.0F / 6}, {"beta", 0.5F}});
                    b.Add("Mul", {"d", "x"}, "y");
                  }
                }),
                1e-6);
      CHECK(Ops(after) == std::vector<std::string>{"HardSwish"});
    }
  }
  SUBCASE("HardSigmoid from its parts") {
    const Graph after =
        Fused(Activation([](GraphBuilder& b) {
                b.Add("Add", {"x", b.Floats("three", {}, {3})}, "a");
                b.Add("Clip", {"a", b.Floats("zero", {}, {0}), b.Floats("six", {}, {6})}, "c");
                b.Add("Div", {"c", "six"}, "y");
              }),
              1e-6);
    CHECK(Ops(after) == std::vector<std::string>{"HardSigmoid"});
  }
  SUBCASE("GELU by erf, two nestings") {
    for (const bool outer : {false, true}) {
      const Graph after = Fused(Activation([&](GraphBuilder& b) {
                                  b.Add("Div", {"x", b.Floats("root", {}, {std::sqrt(2.0F)})}, "d");
                                  b.Add("Erf", {"d"}, "e");
                                  b.Add("Add", {"e", b.Floats("one", {}, {1})}, "a");
                                  b.Floats("half", {}, {0.5F});
                                  b.Add("Mul", {outer ? "x" : "half", "a"}, "m");
                                  b.Add("Mul", {outer ? "half" : "x", "m"}, "y");
                                }),
                                1e-6);
      CHECK(Ops(after) == std::vector<std::string>{"Gelu"});
      CHECK(after.nodes[0].String("approximate", "") == "none");
    }
  }
  SUBCASE("GELU by tanh") {
    const Graph after = Fused(Activation([](GraphBuilder& b) {
                                b.Add("Pow", {"x", b.Floats("three", {}, {3})}, "cube");
                                b.Add("Mul", {"cube", b.Floats("k", {}, {0.044715F})}, "kc");
                                b.Add("Add", {"x", "kc"}, "s");
                                b.Add("Mul", {"s", b.Floats("r", {}, {0.7978845608F})}, "t");
                                b.Add("Tanh", {"t"}, "h");
                                b.Add("Add", {"h", b.Floats("one", {}, {1})}, "a");
                                b.Add("Mul", {"x", "a"}, "m");
                                b.Add("Mul", {"m", b.Floats("half", {}, {0.5F})}, "y");
                              }),
                              1e-5);
    CHECK(Ops(after) == std::vector<std::string>{"Gelu"});
    CHECK(after.nodes[0].String("approximate", "") == "tanh");
  }
  SUBCASE("Mish") {
    const Graph after = Fused(Activation([](GraphBuilder& b) {
                                b.Add("Softplus", {"x"}, "s");
                                b.Add("Tanh", {"s"}, "t");
                                b.Add("Mul", {"x", "t"}, "y");
                              }),
                              1e-5);
    CHECK(Ops(after) == std::vector<std::string>{"Mish"});
  }
}

TEST_CASE("look-alikes stay as they are") {
  const Graph gate_of_other = Activation([](GraphBuilder& b) {
    b.Add("Neg", {"x"}, "n");
    b.Add("Sigmoid", {"n"}, "s");
    b.Add("Mul", {"x", "s"}, "y");
  });
  CHECK(Count(Fused(gate_of_other), "Silu") == 0);
  const Graph wrong_limit = Activation([](GraphBuilder& b) {
    b.Add("Add", {"x", b.Floats("three", {}, {3})}, "a");
    b.Add("Clip", {"a", b.Floats("zero", {}, {0}), b.Floats("five", {}, {5})}, "c");
    b.Add("Div", {"c", b.Floats("six", {}, {6})}, "d");
    b.Add("Mul", {"x", "d"}, "y");
  });
  CHECK(Count(Fused(wrong_limit), "HardSwish") == 0);
}

TEST_CASE("zero pads go into what follows") {
  GraphBuilder b;
  b.Input("x", {1, 2, 5, 5});
  b.Ints("pads", {0, 0, 1, 2, 0, 0, 0, 1});
  b.Add("Pad", {"x", "pads"}, "p");
  b.Add("Conv", {"p", b.Weights("w", {3, 2, 3, 3})}, "c", {{"pads", Ints{1, 0, 1, 0}}});
  b.Add("AveragePool", {"p"}, "a", {{"kernel_shape", Ints{3, 3}}});
  b.Add("Pad", {"x", "pads", b.Floats("one", {}, {1})}, "q");
  b.Add("Conv", {"q", "w"}, "d");
  b.Add("MaxPool", {"p"}, "m", {{"kernel_shape", Ints{3, 3}}});
  const Graph after = Fused(b.Finish({"c", "a", "d", "m"}), 1e-6);
  CHECK(NodeOf(after, "c").Ints("pads") == Ints{2, 2, 1, 1});
  CHECK(NodeOf(after, "c").inputs[0] == "x");
  CHECK(NodeOf(after, "a").Int("count_include_pad", 0) == 1);
  CHECK(NodeOf(after, "d").inputs[0] == "q");  // pads with ones
  CHECK(NodeOf(after, "m").inputs[0] == "p");  // zeros may be the maximum
}

TEST_CASE("pads that cannot decide a maximum go into MaxPool") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  GraphBuilder b;
  b.Input("x", {1, 2, 5, 5});
  b.Ints("pads", {0, 0, 1, 2, 0, 0, 0, 1});
  const std::map<std::string, Attribute> window = {{"kernel_shape", Ints{3, 3}}};
  const auto add = [&](const std::string& name, const std::string& from, float value,
                       std::map<std::string, Attribute> attributes) {
    const std::string number = b.Floats(name + "_value", {}, {value});
    b.Add("Pad", {from, "pads", number}, name + "_pad");
    b.Add("MaxPool", {name + "_pad"}, name, std::move(attributes));
  };
  b.Add("Relu", {"x"}, "r");
  b.Add("Clip", {"x", b.Floats("limit", {}, {-0.5F}), ""}, "k");
  b.Add("MaxPool", {"r"}, "rm", {{"kernel_shape", Ints{1, 1}}});
  add("infinite", "x", -kInfinity, window);
  add("lowest", "x", std::numeric_limits<float>::lowest(), window);
  add("relu", "r", 0, window);
  add("deeper", "rm", 0, window);
  add("clip", "k", -0.5F, {{"kernel_shape", Ints{3, 4}}, {"pads", Ints{1, 1, 1, 1}}});
  add("too_high", "k", -0.25F, window);
  add("unknown", "x", 0, window);
  add("too_wide", "r", 0, {{"kernel_shape", Ints{3, 2}}});
  add("dilated", "r", 0, {{"kernel_shape", Ints{3, 3}}, {"dilations", Ints{1, 2}}});
  add("ceil", "r", 0, {{"kernel_shape", Ints{3, 3}}, {"ceil_mode", int64_t{1}}});
  const Graph after = Fused(b.Finish({"infinite", "lowest", "relu", "deeper", "clip", "too_high",
                                      "unknown", "too_wide", "dilated", "ceil"}));
  for (const auto* name : {"infinite", "lowest", "relu", "deeper"}) {
    CAPTURE(name);
    CHECK(NodeOf(after, name).Ints("pads") == Ints{1, 2, 0, 1});
  }
  CHECK(NodeOf(after, "clip").Ints("pads") == Ints{2, 3, 1, 2});
  CHECK(NodeOf(after, "relu").inputs[0] == "r");
  CHECK(Count(after, "Pad") == 5);
}

}  // namespace lutra::converter::passes
