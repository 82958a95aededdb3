// Operators and forms that the ONNX 1.12 test cases do not have, against hand calculations.
#include <doctest/doctest.h>

#include <numbers>

#include "tests/converter/executor/support.h"

namespace lutra::converter::executor {
namespace {

using Text = std::string;

TEST_CASE("Activations that the passes recognise") {
  const Tensor x = Tensor::Of({5}, Floats{-3, -0.5f, 0, 0.75f, 4});
  const auto check = [&](const char* op, std::map<std::string, Attribute> attributes,
                         const auto& formula) {
    const Tensor y = RunNode(op, {x}, std::move(attributes));
    for (size_t i = 0; i < 5; ++i) {
      const double expected = formula(static_cast<double>(x.as<float>()[i]));
      CHECK(y.as<float>()[i] == doctest::Approx(expected).epsilon(1e-6));
    }
  };
  check("Silu", {}, [](double v) { return v / (1 + std::exp(-v)); });
  check("Mish", {}, [](double v) { return v * std::tanh(std::log(1 + std::exp(v))); });
  check("HardSwish", {}, [](double v) { return v * std::min(std::max(v / 6 + 0.5, 0.0), 1.0); });
  check("Gelu", {}, [](double v) { return v / 2 * (1 + std::erf(v / std::sqrt(2.0))); });
  check("Gelu", {{"approximate", Text("tanh")}}, [](double v) {
    return v / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v)));
  });
}

TEST_CASE("Pad over some axes, and the wrap mode") {
  const Tensor x = Tensor::Of({2, 3}, Floats{1, 2, 3, 4, 5, 6}), none;
  const Tensor y = RunNode("Pad", {x, Ints({1, 2}), Scalar(9), Ints({-1})});
  CHECK(y.dims() == Int64s{2, 6});
  CHECK(y.ToFloats() == Floats{9, 1, 2, 3, 9, 9, 9, 4, 5, 6, 9, 9});
  const Tensor wrapped =
      RunNode("Pad", {x, Ints({4, 1}), none, Ints({1})}, {{"mode", Text("wrap")}});
  CHECK(wrapped.ToFloats() == Floats{3, 1, 2, 3, 1, 2, 3, 1, 6, 4, 5, 6, 4, 5, 6, 4});
  // What is cropped does not come back, as in ONNX Runtime.
  const Tensor cropped =
      RunNode("Pad", {x, Ints({1, -1}), none, Ints({1})}, {{"mode", Text("wrap")}});
  CHECK(cropped.ToFloats() == Floats{2, 1, 2, 5, 4, 5});
}

TEST_CASE("Split into chunks that do not divide the axis") {
  const Node node = MakeNode("Split", {"x"}, {"a", "b", "c"}, {{"num_outputs", int64_t{3}}});
  const std::vector<Tensor> parts =
      ExecuteNode(node, {Tensor::Of({7}, Floats{0, 1, 2, 3, 4, 5, 6})});
  REQUIRE(parts.size() == 3);
  CHECK(parts[0].ToFloats() == Floats{0, 1, 2});
  CHECK(parts[1].ToFloats() == Floats{3, 4, 5});
  CHECK(parts[2].ToFloats() == Floats{6});
}

TEST_CASE("Reductions take their axes as an input") {
  const Tensor x = Tensor::Of({2, 3}, Floats{1, 2, 3, 4, 5, 9});
  CHECK(RunNode("ReduceMean", {x, Ints({1})}).ToFloats() == Floats{2, 6});
  CHECK(RunNode("ReduceMean", {x, Ints({0})}, {{"keepdims", int64_t{0}}}).dims() == Int64s{3});
  CHECK(RunNode("ReduceMax", {x}).ToFloats() == Floats{9});
  CHECK(RunNode("ReduceMin", {x, Ints({})}, {{"noop_with_empty_axes", int64_t{1}}}).ToFloats() ==
        x.ToFloats());
}

TEST_CASE("The largest and smallest of bool: any and all") {
  const Tensor x = As(DataType::boolean, {3, 2}, {1, 1, 1, 0, 0, 0});
  const Tensor any = RunNode("ReduceMax", {x, Ints({1})}),
               all = RunNode("ReduceMin", {x, Ints({1})});
  CHECK(any.type() == DataType::boolean);
  CHECK(any.ToInts() == Int64s{1, 1, 0});
  CHECK(all.type() == DataType::boolean);
  CHECK(all.ToInts() == Int64s{1, 0, 0});
  const Tensor none = As(DataType::boolean, {0}, {});
  CHECK(RunNode("ReduceMax", {none}).ToInts() == Int64s{0});
  CHECK(RunNode("ReduceMin", {none}).ToInts() == Int64s{1});
}

TEST_CASE("Scatter with max and min") {
  const Tensor x = Tensor::Of({4}, Floats{1, 2, 3, 4});
  const Tensor updates = Tensor::Of({3}, Floats{5, 0, 3.5f});
  CHECK(RunNode("ScatterElements", {x, Ints({0, 1, 3}), updates}, {{"reduction", Text("max")}})
            .ToFloats() == Floats{5, 2, 3, 4});
  CHECK(RunNode("ScatterElements", {x, Ints({0, 1, 3}), updates}, {{"reduction", Text("min")}})
            .ToFloats() == Floats{1, 0, 3, 3.5f});
}

TEST_CASE("GroupNormalization with parameters per channel and per group") {
  // Two groups: {1, 3} has mean 2 and deviation 1, {10, 30} mean 20 and deviation 10.
  const Tensor x = Tensor::Of({1, 4, 1}, Floats{1, 3, 10, 30});
  const std::map<std::string, Attribute> attributes = {{"num_groups", int64_t{2}},
                                                       {"epsilon", 0.0f}};
  const Tensor by_channel = RunNode(
      "GroupNormalization",
      {x, Tensor::Of({4}, Floats{1, 2, 3, 4}), Tensor::Of({4}, Floats{0, 0, 0, 1})}, attributes);
  CHECK(by_channel.ToFloats() == Floats{-1, 2, -3, 5});
  const Tensor by_group =
      RunNode("GroupNormalization",
              {x, Tensor::Of({2}, Floats{1, 2}), Tensor::Of({2}, Floats{0, 1})}, attributes);
  CHECK(by_group.ToFloats() == Floats{-1, 1, -1, 3});
}

TEST_CASE("Resize over some axes, by aspect ratio and antialiased") {
  const Tensor x = Tensor::Of({1, 1, 1, 4}, Floats{1, 2, 3, 4}), none;
  const Tensor wide = RunNode("Resize", {x, none, Tensor::Of({1}, Floats{2})},
                              {{"axes", Int64s{3}}, {"mode", Text("nearest")}});
  CHECK(wide.ToFloats() == Floats{1, 1, 2, 2, 3, 3, 4, 4});
  // 4x8 into 6x6: not larger means a factor of 0.75, not smaller 1.5.
  const Tensor y = Random({1, 1, 4, 8}, 3);
  const auto resized = [&](const char* policy) {
    return RunNode("Resize", {y, none, none, Ints({6, 6})},
                   {{"axes", Int64s{2, 3}}, {"keep_aspect_ratio_policy", Text(policy)}})
        .dims();
  };
  CHECK(resized("not_larger") == Int64s{1, 1, 3, 6});
  CHECK(resized("not_smaller") == Int64s{1, 1, 6, 12});
  CHECK(resized("stretch") == Int64s{1, 1, 6, 6});
  // Halving with a triangle of radius 2 around 0.5 and 2.5: weights 1, 3, 3, 1 (of 8), the first
  // and last index clamped to the border: (1 + 3 * 1 + 3 * 2 + 3) / 8, (2 + 3 * 3 + 3 * 4 + 4) / 8.
  const Tensor half = RunNode("Resize", {x, none, Tensor::Of({4}, Floats{1, 1, 1, 0.5f})},
                              {{"mode", Text("linear")}, {"antialias", int64_t{1}}});
  CHECK(half.as<float>()[0] == doctest::Approx(13.0 / 8));
  CHECK(half.as<float>()[1] == doctest::Approx(27.0 / 8));
}

TEST_CASE("AveragePool counts what hangs over the padding only as far as it is padded") {
  // ceil_mode adds a last window over {4, 5, pad, beyond}: the pad counts, what is beyond does not.
  const Tensor x = Tensor::Of({1, 1, 5}, Floats{1, 2, 3, 4, 5});
  const std::map<std::string, Attribute> attributes = {{"kernel_shape", Int64s{4}},
                                                       {"strides", Int64s{3}},
                                                       {"pads", Int64s{0, 1}},
                                                       {"ceil_mode", int64_t{1}},
                                                       {"count_include_pad", int64_t{1}}};
  const Tensor y = RunNode("AveragePool", {x}, attributes);
  CHECK(y.ToFloats() == Floats{2.5f, 3});
}

TEST_CASE("MaxPool gives the same with and without indices") {
  const Tensor x = Random({1, 3, 9, 7}, 5);
  const std::map<std::string, Attribute> attributes = {
      {"kernel_shape", Int64s{3, 3}}, {"strides", Int64s{2, 2}}, {"pads", Int64s{1, 1, 1, 0}}};
  const std::vector<Tensor> both =
      ExecuteNode(MakeNode("MaxPool", {"x"}, {"y", "i"}, attributes), {x});
  const Tensor alone = RunNode("MaxPool", {x}, attributes);
  CHECK(both.at(0).ToFloats() == alone.ToFloats());
  for (size_t i = 0; i < alone.elements(); ++i) {
    CHECK(x.as<float>()[both.at(1).as<int64_t>()[i]] == alone.as<float>()[i]);
  }
}

TEST_CASE("Gemm scales both terms and broadcasts any bias") {
  const Tensor a = Tensor::Of({2, 2}, Floats{1, 2, 3, 4}),
               b = Tensor::Of({2, 2}, Floats{1, 0, 1, 1});
  const Tensor column = Tensor::Of({2, 1}, Floats{10, 20});
  // a * b^T = {{1, 3}, {3, 7}}
  const Tensor y =
      RunNode("Gemm", {a, b, column}, {{"transB", int64_t{1}}, {"alpha", 2.0f}, {"beta", 0.5f}});
  CHECK(y.ToFloats() == Floats{7, 11, 16, 24});
}

TEST_CASE("Narrow and wide floating types keep their type") {
  const Tensor x = Tensor::Of({2}, Floats{0.5f, 2});
  for (const DataType type : {DataType::float16, DataType::bfloat16, DataType::float64}) {
    const Tensor y = RunNode("Mul", {x.Cast(type), x.Cast(type)});
    CHECK(y.type() == type);
    CHECK(y.ToFloats() == Floats{0.25f, 4});
    CHECK(RunNode("Softmax", {x.Cast(type)}).type() == type);
  }
}

}  // namespace
}  // namespace lutra::converter::executor
