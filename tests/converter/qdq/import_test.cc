// Networks quantized elsewhere keep their scales and need no data. The expectation is the file
// itself, run node by node by the float executor without any pass.
#include <doctest/doctest.h>

#include <cmath>

#include "quantized_network.h"

namespace lutra::converter::test {
namespace {

using Dims = std::vector<int64_t>;
constexpr const char* kMicrosoft = "com.microsoft";

void CheckWhole(const ImportedRun& run) {
  CHECK(run.report.float_fallbacks == 0);
  CHECK(run.error_in_steps <= 1.001);
  // Ties of float32 sums fall the other way now and then.
  CHECK(run.differing < 0.1);
  for (const evaluate::LayerReport& layer : run.report.layers) {
    CAPTURE(layer.name);
    CHECK(layer.scheme == "int8");
  }
}

std::string Relu(QuantizedNetwork& n, const std::string& x) { return n.Add("Relu", {x}); }

// The multipliers that a product must have: s_in * s_w / s_out in double, rounded once.
void CheckMultipliers(const std::vector<float>& got, float in, float out, size_t channels) {
  REQUIRE(got.size() == channels);
  for (const float m : got) {
    const double scale =
        static_cast<double>(m) * static_cast<double>(out) / static_cast<double>(in);
    // Weight scales are 0.001 + 0.0001 * i.
    const double steps = (scale - 0.001) / 0.0001;
    CHECK(std::abs(steps - std::nearbyint(steps)) < 1e-3);
    CHECK(scale > 0.0009);
    CHECK(scale < 0.0075);
  }
}

TEST_CASE(
    "QDQ as PyTorch exports it: uint8, weights per channel, float bias, Relu before Quantize") {
  QuantizedNetwork n({1, 3, 12, 12});
  const Format in{0.02F, 121}, a{0.031F, 0}, b{0.043F, 0}, sum{0.057F, 0}, mean{0.012F, 3},
      out{0.05F, 130};
  const std::string x = n.Pair("x", in);
  const auto w1 = n.RandomWeights({8, 3, 3, 3}, 0);
  std::string y = n.Add("Conv", {x, n.Dequantize(w1, 0), n.RandomFloats({8}, 0.5)},
                        {{"pads", Dims{1, 1, 1, 1}}});
  const std::string first = n.Pair(Relu(n, y), a);
  const auto w2 = n.RandomWeights({8, 1, 3, 3}, 0);
  y = n.Add("Conv", {first, n.Dequantize(w2, 0), n.RandomFloats({8}, 0.5)},
            {{"pads", Dims{1, 1, 1, 1}}, {"group", int64_t{8}}});
  const std::string second = n.Pair(Relu(n, y), b);
  y = n.Pair(Relu(n, n.Add("Add", {first, second})), sum);
  y = n.Pair(n.Add("MaxPool", {y}, {{"kernel_shape", Dims{2, 2}}, {"strides", Dims{2, 2}}}), sum);
  y = n.Pair(n.Add("GlobalAveragePool", {y}), mean);
  y = n.Pair(n.Add("Flatten", {y}), mean);
  const auto w3 = n.RandomWeights({5, 8}, 0);
  y = n.Add("Gemm", {y, n.Dequantize(w3, 0), n.RandomFloats({5}, 0.1)}, {{"transB", int64_t{1}}});
  n.Output(n.Pair(y, out));

  const ImportedRun run = ImportAndRun(n);
  CheckWhole(run);
  CHECK(run.HasFormat(in.scale, in.zero_point - 128));
  CHECK(run.HasFormat(a.scale, -128));
  CHECK(run.HasFormat(b.scale, -128));
  CHECK(run.HasFormat(sum.scale, -128));
  CHECK(run.HasFormat(mean.scale, mean.zero_point - 128));
  CHECK(run.HasFormat(out.scale, 2));
  REQUIRE(run.multipliers.size() == 3);
  CheckMultipliers(run.multipliers[0], in.scale, a.scale, 8);
  CheckMultipliers(run.multipliers[1], a.scale, b.scale, 8);
  CheckMultipliers(run.multipliers[2], mean.scale, out.scale, 5);
}

TEST_CASE("QDQ from fake quantization: float weights before Quantize, Linear as turned MatMul") {
  QuantizedNetwork n({1, 24});
  const Format in{0.03F, 128}, hidden{0.02F, 0}, out{0.011F, 99};
  std::string y = n.Pair("x", in);
  // float32 -> QuantizeLinear -> DequantizeLinear along axis 0, then a Transpose.
  const auto grid = n.RandomWeights({16, 24}, 0);
  const std::string zero =
      n.Add("QuantizeLinear", {n.RandomFloats({16, 24}, 0.1), grid.scale, grid.zero_point},
            {{"axis", int64_t{0}}});
  const std::string w =
      n.Add("DequantizeLinear", {zero, grid.scale, grid.zero_point}, {{"axis", int64_t{0}}});
  y = n.Add("MatMul", {y, n.Add("Transpose", {w}, {{"perm", Dims{1, 0}}})});
  y = n.Pair(Relu(n, n.Add("Add", {y, n.RandomFloats({16}, 0.2)})), hidden);
  // Integers turned before they are dequantized, along axis 1 then.
  const auto w2 = n.RandomWeights({6, 16}, 0);
  const std::string turned = n.Add("Transpose", {w2.integers}, {{"perm", Dims{1, 0}}});
  y = n.Add("MatMul", {y, n.Add("DequantizeLinear", {turned, w2.scale, w2.zero_point},
                                {{"axis", int64_t{1}}})});
  n.Output(n.Pair(y, out));

  const ImportedRun run = ImportAndRun(n);
  CheckWhole(run);
  REQUIRE(run.multipliers.size() == 2);
  CheckMultipliers(run.multipliers[0], in.scale, hidden.scale, 16);
  CheckMultipliers(run.multipliers[1], hidden.scale, out.scale, 6);
}

TEST_CASE("QDQ as tf2onnx writes TensorFlow Lite: int8, Transposes around, int32 bias, Softmax") {
  QuantizedNetwork n({1, 10, 10, 3});
  const Format in{0.025F, -3, DataType::int8}, a{0.0235294F, -128, DataType::int8},
      b{0.04F, 7, DataType::int8}, logits{0.08F, -11, DataType::int8},
      scores{1.0F / 256, -128, DataType::int8};
  std::string y = n.Pair("x", in);
  y = n.Add("Transpose", {y}, {{"perm", Dims{0, 3, 1, 2}}});
  const auto w1 = n.RandomWeights({8, 3, 3, 3}, 0);
  y = n.Add("Conv", {y, n.Dequantize(w1, 0), n.DequantizedBias(w1, in.scale, 8)},
            {{"strides", Dims{2, 2}}, {"pads", Dims{0, 0, 1, 1}}});
  y = n.Add("Clip", {y, n.Floats({}, {0.0F}), n.Floats({}, {6.0F})});
  y = n.Pair(y, a);
  const auto w2 = n.RandomWeights({8, 1, 3, 3}, 0);
  y = n.Add("Conv", {y, n.Dequantize(w2, 0), n.DequantizedBias(w2, a.scale, 8)},
            {{"group", int64_t{8}}, {"pads", Dims{1, 1, 1, 1}}});
  y = n.Add("Transpose", {n.Pair(y, b)}, {{"perm", Dims{0, 2, 3, 1}}});
  y = n.Pair(n.Add("Reshape", {y, n.Ints({1, 200})}), b);
  const auto w3 = n.RandomWeights({200, 10}, -1);
  y = n.Add("MatMul", {y, n.Dequantize(w3, -1)});
  y = n.Pair(n.Add("Add", {y, n.DequantizedBias(w3, b.scale, 10)}), logits);
  n.Output(n.Pair(n.Add("Softmax", {y}, {{"axis", int64_t{1}}}), scores));

  const ImportedRun run = ImportAndRun(n);
  CheckWhole(run);
  for (const Format& format : {in, a, b, logits, scores}) {
    CAPTURE(format.scale);
    CHECK(run.HasFormat(format.scale, format.zero_point));
  }
}

TEST_CASE("QDQ as ONNX Runtime's quantize_static writes it: uint8 weights, Concat, SiLU, Resize") {
  QuantizedNetwork n({1, 4, 8, 8});
  const Format in{0.02F, 120}, a{0.06F, 128}, gate{1.0F / 255, 0}, silu{0.031F, 20},
      both{0.055F, 117}, shifted{0.06F, 110}, wide{0.058F, 112}, out{0.3F, 140};
  const std::string x = n.Pair("x", in);
  const auto w1 = n.RandomWeights({6, 4, 3, 3}, -1, DataType::uint8, 131);
  const std::string conv =
      n.Pair(n.Add("Conv", {x, n.Dequantize(w1, -1), n.DequantizedBias(w1, in.scale, 6)},
                   {{"pads", Dims{1, 1, 1, 1}}}),
             a);
  const std::string sigmoid = n.Pair(n.Add("Sigmoid", {conv}), gate);
  const std::string product = n.Pair(n.Add("Mul", {conv, sigmoid}), silu);
  std::string y = n.Pair(n.Add("Concat", {product, x}, {{"axis", int64_t{1}}}), both);
  // A constant operand has a format of its own.
  const Format shift{0.004F, 100};
  const std::string row =
      n.Dequantize(n.Quantize(n.RandomFloats({1, 10, 1, 1}, 0.2), shift), shift);
  y = n.Pair(n.Add("Add", {y, row}), shifted);
  y = n.Pair(
      n.Add("Resize", {y, "", n.Floats({4}, {1, 1, 2, 2})}, {{"mode", std::string("linear")}}),
      wide);
  y = n.Pair(n.Add("Pad", {y, n.Ints({0, 0, 1, 1, 0, 0, 1, 1})}), wide);
  const auto w2 = n.RandomWeights({3, 10, 1, 1}, 0);
  y = n.Add("Conv", {y, n.Dequantize(w2, 0), n.DequantizedBias(w2, wide.scale, 3)});
  n.Output(n.Pair(y, out));

  const ImportedRun run = ImportAndRun(n);
  CheckWhole(run);
  for (const Format& format : {in, a, gate, silu, both, shift, shifted, wide, out}) {
    CAPTURE(format.scale);
    CHECK(run.HasFormat(format.scale, format.zero_point - 128));
  }
}

// Inputs of a QOperator: value, scale, zero point.
std::vector<std::string> Operand(QuantizedNetwork& n, const std::string& value, Format format) {
  const auto parameters = n.Parameters(format);
  return {value, parameters[0], parameters[1]};
}

std::vector<std::string> Join(std::initializer_list<std::vector<std::string>> parts) {
  std::vector<std::string> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

std::vector<std::string> Operand(const QuantizedNetwork::Weights& w) {
  return {w.integers, w.scale, w.zero_point};
}

TEST_CASE("QOperator as ONNX Runtime's quantize_static writes it") {
  QuantizedNetwork n({1, 4, 8, 8});
  const Format in{0.02F, 120}, a{0.05F, 110}, b{0.06F, 128}, sum{0.08F, 119}, leaky{0.07F, 40},
      gate{1.0F / 255, 0}, product{0.041F, 60}, all{0.075F, 100}, pooled{0.0513F, 103},
      mean{0.0217F, 97}, out{0.04F, 125};
  const std::string x = n.Quantize("x", in);
  const auto w1 = n.RandomWeights({6, 4, 3, 3}, 0);
  const std::string first = n.Add(
      "QLinearConv", Join({Operand(n, x, in), Operand(w1), n.Parameters(a), {n.RandomBias(6)}}),
      {{"pads", Dims{1, 1, 1, 1}}});
  const auto w2 = n.RandomWeights({6, 1, 3, 3}, -1, DataType::uint8, 126);
  const std::string second =
      n.Add("QLinearConv", Join({Operand(n, first, a), Operand(w2), n.Parameters(b)}),
            {{"pads", Dims{1, 1, 1, 1}}, {"group", int64_t{6}}});
  const std::string added =
      n.Add("QLinearAdd", Join({Operand(n, first, a), Operand(n, second, b), n.Parameters(sum)}),
            {}, kMicrosoft);
  const std::string bent =
      n.Add("QLinearLeakyRelu", Join({Operand(n, added, sum), n.Parameters(leaky)}),
            {{"alpha", 0.1F}}, kMicrosoft);
  const std::string sigmoid =
      n.Add("QLinearSigmoid", Join({Operand(n, bent, leaky), n.Parameters(gate)}), {}, kMicrosoft);
  const std::string gated =
      n.Add("QLinearMul",
            Join({Operand(n, bent, leaky), Operand(n, sigmoid, gate), n.Parameters(product)}), {},
            kMicrosoft);
  const std::string largest =
      n.Add("MaxPool", {gated}, {{"kernel_shape", Dims{3, 3}}, {"pads", Dims{1, 1, 1, 1}}});
  const std::string joined =
      n.Add("QLinearConcat",
            Join({n.Parameters(all), Operand(n, largest, product), Operand(n, added, sum)}),
            {{"axis", int64_t{1}}}, kMicrosoft);
  std::string y = n.Add("QLinearAveragePool", Join({Operand(n, joined, all), n.Parameters(pooled)}),
                        {{"kernel_shape", Dims{2, 2}}, {"strides", Dims{2, 2}}}, kMicrosoft);
  y = n.Add("QLinearGlobalAveragePool", Join({Operand(n, y, pooled), n.Parameters(mean)}), {},
            kMicrosoft);
  y = n.Add("Reshape", {y, n.Ints({1, 12})});
  const auto w3 = n.RandomWeights({5, 12}, 0);
  y = n.Add("QGemm", Join({Operand(n, y, mean), Operand(w3), {n.RandomBias(5)}, n.Parameters(out)}),
            {{"transB", int64_t{1}}}, kMicrosoft);
  n.Output(n.Dequantize(y, out));

  const ImportedRun run = ImportAndRun(n);
  CheckWhole(run);
  for (const Format& format : {in, a, b, sum, leaky, gate, product, all, pooled, mean, out}) {
    CAPTURE(format.scale);
    CHECK(run.HasFormat(format.scale, format.zero_point - 128));
  }
  REQUIRE(run.multipliers.size() == 3);
  CheckMultipliers(run.multipliers[0], in.scale, a.scale, 6);
  CheckMultipliers(run.multipliers[2], mean.scale, out.scale, 5);
}

TEST_CASE("QOperator whose output is the quantized tensor, int8, with QLinearMatMul and Softmax") {
  QuantizedNetwork n({1, 20});
  const Format in{0.03F, 5, DataType::int8}, logits{0.05F, -7, DataType::int8},
      scores{1.0F / 256, -128, DataType::int8};
  const std::string x = n.Quantize("x", in);
  const auto w = n.RandomWeights({20, 7}, 1);
  const std::string y =
      n.Add("QLinearMatMul", Join({Operand(n, x, in), Operand(w), n.Parameters(logits)}));
  n.Output(n.Add("QLinearSoftmax", Join({Operand(n, y, logits), n.Parameters(scores)}),
                 {{"axis", int64_t{-1}}, {"opset", int64_t{13}}}, kMicrosoft),
           DataType::int8);
  const ImportedRun run = ImportAndRun(n);
  CheckWhole(run);
  CHECK(run.HasFormat(logits.scale, -7));
  CHECK(run.HasFormat(scores.scale, -128));
}

TEST_CASE("a Pad of integers writes its integer, a tensor in two formats is requantized") {
  QuantizedNetwork n({1, 2, 5, 5});
  const Format in{0.02F, 100}, coarse{0.05F, 90}, out{0.06F, 128};
  const std::string x = n.Quantize("x", in);
  Tensor seven(DataType::uint8, {});
  seven.as<uint8_t>()[0] = 7;
  const std::string padded = n.Add("Pad", {x, n.Ints({0, 0, 1, 0, 0, 0, 1, 0}), n.Integer(seven)});
  const std::string real = n.Dequantize(padded, in);
  const std::string other = n.Pair(real, coarse);
  n.Output(n.Pair(n.Add("Sub", {real, n.Add("Relu", {other})}), out));
  const ImportedRun run = ImportAndRun(n);
  CHECK(run.error_in_steps <= 1.001);
  CHECK(run.HasFormat(in.scale, -28));
  CHECK(run.HasFormat(coarse.scale, -38));
}

TEST_CASE("what is not quantized in the file stays float and says so") {
  SUBCASE("a result without a scale") {
    QuantizedNetwork n({1, 3, 6, 6});
    const Format in{0.02F, 128};
    const auto w = n.RandomWeights({4, 3, 3, 3}, 0);
    n.Output(n.Add("Conv", {n.Pair("x", in), n.Dequantize(w, 0)}));
    const ImportedRun run = ImportAndRun(n);
    CHECK(run.report.float_fallbacks == 1);
    CHECK(run.report.layers.back().float_reason.starts_with("the imported network gives no scale"));
    CHECK(run.error_in_steps < 1e-4);
  }
  SUBCASE("weights in float") {
    QuantizedNetwork n({1, 3, 6, 6});
    const Format in{0.02F, 128}, out{0.05F, 128};
    n.Output(n.Pair(n.Add("Conv", {n.Pair("x", in), n.RandomFloats({4, 3, 3, 3}, 0.1)}), out));
    const ImportedRun run = ImportAndRun(n);
    CHECK(run.report.float_fallbacks == 1);
    CHECK(run.error_in_steps < 0.06);
  }
}

TEST_CASE("formats that are not executed are refused by name") {
  SUBCASE("16 bits") {
    QuantizedNetwork n({1, 4});
    n.Output(n.Pair("x", {0.01F, 0, DataType::int16}));
    CHECK(ImportFailure(n).find("quantizes to int16; int8 and uint8 are executed") !=
          std::string::npos);
  }
  SUBCASE("a scale per channel of activations") {
    QuantizedNetwork n({1, 2, 4, 4});
    const auto grid = n.RandomWeights({2, 1}, 0);
    const std::string q = n.Add("QuantizeLinear", {"x", grid.scale, grid.zero_point});
    n.Output(n.Add("DequantizeLinear", {q, grid.scale, grid.zero_point}));
    CHECK(ImportFailure(n).find("activations with a scale per channel are not executed") !=
          std::string::npos);
  }
  SUBCASE("a scale of zero") {
    QuantizedNetwork n({1, 4});
    n.Output(n.Pair("x", {0.0F, 3}));
    CHECK(ImportFailure(n).find("its scale is not a positive number") != std::string::npos);
  }
}

}  // namespace
}  // namespace lutra::converter::test
