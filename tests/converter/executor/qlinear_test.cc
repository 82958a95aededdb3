// Quantized operators beyond ONNX's own test cases, against hand calculations.
#include <doctest/doctest.h>

#include "tests/converter/executor/support.h"

namespace lutra::converter::executor {
namespace {

Tensor Bytes(Int64s values) {
  const auto count = static_cast<int64_t>(values.size());
  return As(DataType::uint8, {count}, std::move(values));
}
Tensor Zero(int64_t value) { return As(DataType::uint8, {}, {value}); }

Tensor RunMicrosoft(const std::string& op, const std::vector<Tensor>& inputs,
                    std::map<std::string, Attribute> attributes = {}) {
  Node node = MakeNode(op, {}, {"y"}, std::move(attributes));
  node.domain = "com.microsoft";
  return ExecuteNode(node, inputs).at(0);
}

TEST_CASE("QuantizeLinear rounds half to even and saturates") {
  const Tensor x = Tensor::Of({6}, Floats{0.5f, 1.5f, 2.5f, -0.5f, 300, -300});
  CHECK(RunNode("QuantizeLinear", {x, Scalar(1), Zero(10)}).ToInts() ==
        Int64s{10, 12, 12, 10, 255, 0});
  const Tensor y = RunNode("QuantizeLinear", {x, Scalar(1), As(DataType::int8, {}, {-3})});
  CHECK(y.ToInts() == Int64s{-3, -1, -1, -3, 127, -128});
  const Tensor stated = RunNode("QuantizeLinear", {x, Scalar(1)}, {{"output_dtype", int64_t{3}}});
  CHECK(stated.type() == DataType::int8);
  CHECK(stated.ToInts() == Int64s{0, 2, 2, 0, 127, -128});
}

TEST_CASE("QLinearSoftmax before opset 13 is over all dimensions from its axis on") {
  // Six equal values: 1/6 = 42.67 / 256 of all six, 1/3 = 85.33 / 256 along the last axis.
  const Tensor x = Bytes({9, 9, 9, 9, 9, 9}).Reshaped({1, 2, 3});
  const std::vector<Tensor> inputs = {x, Scalar(1), Zero(0), Scalar(1.0F / 256), Zero(0)};
  const auto run = [&](int64_t axis, int64_t opset) {
    const Tensor y = RunMicrosoft("QLinearSoftmax", inputs, {{"axis", axis}, {"opset", opset}});
    CHECK(y.dims() == x.dims());
    return y.ToInts();
  };
  CHECK(run(1, 12) == Int64s(6, 43));
  CHECK(run(2, 12) == Int64s(6, 85));
  CHECK(run(1, 13) == Int64s(6, 128));
  CHECK(run(-1, 13) == Int64s(6, 85));
}

TEST_CASE("DequantizeLinear per channel on the first axis") {
  const Tensor q = As(DataType::int8, {2, 2}, {-128, 127, 4, 5});
  const Tensor scales = Tensor::Of({2}, Floats{0.5f, 2});
  const Tensor zeros = As(DataType::int8, {2}, {-128, 5});
  const Tensor y = RunNode("DequantizeLinear", {q, scales, zeros}, {{"axis", int64_t{0}}});
  CHECK(y.ToFloats() == Floats{0, 127.5f, -2, 0});
}

TEST_CASE("QLinearConv per channel, with a bias, in both layouts") {
  // (x - 1) = {1, 2, 3}; channel 0: kernel (2 - 0), channel 1: kernel (3 - 1).
  const Tensor x = As(DataType::uint8, {1, 1, 3, 1}, {2, 3, 4});
  const Tensor w = As(DataType::uint8, {2, 1, 1, 1}, {2, 3});
  const Tensor w_scales = Tensor::Of({2}, Floats{0.5f, 0.25f});
  const Tensor w_zeros = As(DataType::uint8, {2}, {0, 1});
  const Tensor bias = As(DataType::int32, {2}, {1, -1});
  const std::vector<Tensor> inputs = {x,       Scalar(2), Zero(1),  w,   w_scales,
                                      w_zeros, Scalar(1), Zero(10), bias};
  Node node = MakeNode("QLinearConv", {}, {"y"});
  // acc {3, 5, 7} * 1 and {1, 3, 5} * 0.5, half to even, + 10
  const Tensor y = ExecuteNode(node, inputs).at(0);
  CHECK(y.ToInts() == Int64s{13, 15, 17, 10, 12, 12});
  node.layout = Layout::nhwc;
  std::vector<Tensor> nhwc = inputs;
  nhwc[0] = x.Reshaped({1, 3, 1, 1});
  const Tensor z = ExecuteNode(node, nhwc).at(0);
  CHECK(z.dims() == Int64s{1, 3, 1, 2});
  CHECK(z.ToInts() == Int64s{13, 10, 15, 12, 17, 12});
}

TEST_CASE("QLinearMatMul saturates, and takes scales of float16") {
  const Tensor a = As(DataType::int8, {1, 2}, {101, -127}), zero = As(DataType::int8, {}, {1});
  const Tensor b = As(DataType::int8, {2, 3}, {2, 1, -99, 1, 0, 101});
  // (100, -128) by (1, 0, -100; 0, -1, 100): 100, 128 and -22800, times 0.5 * 0.5 / 0.25, plus 1
  for (const DataType type : {DataType::float32, DataType::float16}) {
    const Tensor half = Scalar(0.5f).Cast(type), quarter = Scalar(0.25f).Cast(type);
    const Tensor y = RunNode("QLinearMatMul", {a, half, zero, b, half, zero, quarter, zero});
    CHECK(y.type() == DataType::int8);
    CHECK(y.ToInts() == Int64s{101, 127, -128});
  }
}

TEST_CASE("QLinearAdd and QLinearMul") {
  // a = {-1, 2}, b = {2, 4}
  const std::vector<Tensor> inputs = {Bytes({8, 14}), Scalar(0.5f), Zero(10),      Bytes({1, 2}),
                                      Scalar(2),      Zero(0),      Scalar(0.25f), Zero(100)};
  CHECK(RunMicrosoft("QLinearAdd", inputs).ToInts() == Int64s{104, 124});
  CHECK(RunMicrosoft("QLinearMul", inputs).ToInts() == Int64s{92, 132});
}

TEST_CASE("QGemm, quantized and with a float result") {
  const Tensor a = As(DataType::uint8, {1, 2}, {11, 12}), b = As(DataType::int8, {2, 1}, {3, 4});
  const Tensor b_zero = As(DataType::int8, {}, {0}), c = As(DataType::int32, {1}, {5});
  // 1 * 3 + 2 * 4 + 5 = 16, at scale 0.5 * 0.25 = 2
  const std::vector<Tensor> inputs = {a, Scalar(0.5f), Zero(10), b, Scalar(0.25f), b_zero, c};
  CHECK(RunMicrosoft("QGemm", inputs).ToFloats() == Floats{2});
  std::vector<Tensor> quantized = inputs;
  quantized.push_back(Scalar(0.5f));
  quantized.push_back(Zero(7));
  CHECK(RunMicrosoft("QGemm", quantized).ToInts() == Int64s{11});
}

TEST_CASE("QLinearConcat brings every part to the result's scale") {
  const Tensor y = RunMicrosoft(
      "QLinearConcat",
      {Scalar(0.5f), Zero(1), Bytes({2}), Scalar(1), Zero(0), Bytes({4}), Scalar(0.25f), Zero(0)},
      {{"axis", int64_t{0}}});
  CHECK(y.ToInts() == Int64s{5, 3});
}

TEST_CASE("QLinearGlobalAveragePool in both layouts, and QLinearSigmoid") {
  const Tensor x = As(DataType::uint8, {1, 2, 1, 2}, {2, 4, 10, 20});
  const std::vector<Tensor> rest = {Scalar(1), Zero(0), Scalar(1), Zero(3)};
  std::vector<Tensor> inputs = {x};
  inputs.insert(inputs.end(), rest.begin(), rest.end());
  CHECK(RunMicrosoft("QLinearGlobalAveragePool", inputs).ToInts() == Int64s{6, 18});
  inputs[0] = As(DataType::uint8, {1, 1, 2, 2}, {2, 10, 4, 20});
  const Tensor last =
      RunMicrosoft("QLinearGlobalAveragePool", inputs, {{"channels_last", int64_t{1}}});
  CHECK(last.dims() == Int64s{1, 1, 1, 2});
  CHECK(last.ToInts() == Int64s{6, 18});
  // sigmoid(0) = 0.5; sigmoid(20) is 1 up to 2e-9 and saturates.
  CHECK(RunMicrosoft("QLinearSigmoid",
                     {Bytes({0, 20}), Scalar(1), Zero(0), Scalar(1.0f / 256), Zero(0)})
            .ToInts() == Int64s{128, 255});
}

}  // namespace
}  // namespace lutra::converter::executor
