// Float, weight-only and dynamic forms of the products, and fallbacks between integer operators.
#include <doctest/doctest.h>

#include "converter/quantize/recipe.h"
#include "lowered.h"

namespace lutra::converter::test {
namespace {

GraphBuilder ConvAndGemm() {
  GraphBuilder b;
  b.Input("x", {1, 6, 6, 3});
  b.Floats("w", {4, 3, 3, 3}, OnGrid(108, {0.01F, 0}, 1));
  b.Floats("b", {4}, {0.1F, -0.2F, 0.3F, 0.0F});
  b.Add("Conv", {"x", "w", "b"}, {"c"}).clamp = Clamp{0, 6};
  b.Ints("shape", {1, 64});
  b.Add("Reshape", {"c", "shape"}, {"r"});
  b.Floats("m", {64, 5}, OnGrid(320, {0.01F, 0}, 2));
  b.Add("Gemm", {"r", "m"}, {"y"});
  return b;
}

std::vector<schema::Compute> Computes(const Outcome& outcome) {
  std::vector<schema::Compute> computes;
  for (const auto& op : outcome.model.writer.model.operators) {
    if (const auto* conv = op->options.AsConv()) computes.push_back(conv->compute);
    if (const auto* linear = op->options.AsLinear()) computes.push_back(linear->compute);
  }
  return computes;
}

Outcome RunWith(const char* weights, const char* activations) {
  quantize::LayerScheme scheme;
  SetWeights(scheme, weights);
  quantize::SetActivations(scheme, activations);
  return Run(ConvAndGemm().graph, OnGrid(108, {0.05F, 13}, 3), scheme);
}

TEST_CASE("fp32 is exact, fp16 nearly so") {
  const Outcome full = RunWith("fp32", "float");
  CHECK(full.scale == 0);
  CHECK(full.ErrorInSteps() < 1e-4);  // sums of 64 products of up to 6 * 1.3 in another order
  const Outcome half = RunWith("fp16", "float");
  // 2^-11 of every product, of which at most 27 * 7 * 1.3 and then 64 * 6 * 1.3 are added.
  CHECK(half.ErrorInSteps() < 0.5);
  CHECK(half.model.writer.model.operators.size() == full.model.writer.model.operators.size());
}

TEST_CASE("weight-only: integers in the file, float everywhere else") {
  const Outcome outcome = RunWith("linear4", "float");
  CHECK(outcome.scale == 0);
  CHECK(Computes(outcome) ==
        std::vector<schema::Compute>{schema::Compute::float_, schema::Compute::float_});
  for (const lowering::LoweredOperator& op : outcome.model.operators) {
    if (op.op == "Conv" || op.op == "Gemm") CHECK(op.scheme == "linear4 float");
    CHECK(op.float_reason.empty());
  }
}

TEST_CASE("dynamic: Linear quantizes its rows, Conv computes in float") {
  const Outcome outcome = RunWith("int8", "dynamic");
  CHECK(Computes(outcome) ==
        std::vector<schema::Compute>{schema::Compute::float_, schema::Compute::dynamic});
  // Rows reach 6; a step of 6 / 255 is off by half in 64 products with weights up to 1.28, and the
  // weights by half of 0.01 (they lie on a grid of 255 steps whose largest is 1.28 / 127).
  CHECK(outcome.ErrorInSteps() < 64 * (0.5 * 6 / 255 * 1.28 + 6 * 0.5 * 0.0101) + 0.05);
}

TEST_CASE("int16: products of 16 bits, of which one that is read by another alone stays int16") {
  GraphBuilder b;
  b.Input("x", {1, 6, 6, 2});
  b.Floats("w1", {7, 2, 3, 3}, OnGrid(126, {0.01F, 0}, 7));
  b.Add("Conv", {"x", "w1"}, {"c"}).clamp = Clamp{0, 6};
  b.Floats("w2", {5, 7, 1, 1}, OnGrid(35, {0.01F, 0}, 8));
  b.Add("Conv", {"c", "w2"}, {"y"});
  quantize::LayerScheme scheme;
  quantize::SetActivations(scheme, "int16");
  const Outcome outcome = Run(b.graph, OnGrid(72, {0.05F, 13}, 3), scheme);
  CHECK(Computes(outcome) ==
        std::vector<schema::Compute>{schema::Compute::wide, schema::Compute::wide});
  std::vector<schema::TensorType> types;
  for (const auto& op : outcome.model.writer.model.operators) {
    types.push_back(outcome.model.writer.model.tensors[op->outputs[0]]->type);
  }
  using schema::TensorType;
  CHECK(types == std::vector{TensorType::int16, TensorType::int16, TensorType::float32});
  // Weights of at most 1.28 on a grid that int8 has to within half of 1.28 / 127: what differs is
  // those of the weights; of the activations half of 2 * 8 / 32639 in 18, then 7 products.
  const double weights =
      18 * 6 * 0.5 * 1.28 / 127 * 7 * 1.28 + 18 * 6 * 1.28 * 7 * 0.5 * 1.28 / 127;
  CHECK(outcome.ErrorInSteps() < weights);
}

TEST_CASE("int16: depthwise convolutions and what is no product are float") {
  GraphBuilder b;
  b.Input("x", {1, 6, 6, 4});
  b.Floats("w", {4, 1, 3, 3}, OnGrid(36, {0.01F, 0}, 7));
  b.Add("Conv", {"x", "w"}, {"c"}).attributes["group"] = int64_t{4};
  b.Add("Sigmoid", {"c"}, {"y"});
  quantize::LayerScheme scheme;
  quantize::SetActivations(scheme, "int16");
  const Outcome outcome = Run(b.graph, OnGrid(144, {0.05F, 13}, 3), scheme);
  CHECK(Computes(outcome) == std::vector<schema::Compute>{schema::Compute::float_});
  for (const auto& tensor : outcome.model.writer.model.tensors) {
    CHECK(tensor->type == schema::TensorType::float32);
  }
}

// One layer of 64 inputs and 5 outputs.
Outcome RunLayer(const std::string& op, const char* weights, const char* activations) {
  GraphBuilder b;
  b.Input("x", {1, 64});
  b.Floats("w", {64, 5}, OnGrid(320, {0.01F, 0}, 7));
  b.Add(op, {"x", "w"}, {"y"});
  quantize::LayerScheme scheme;
  SetWeights(scheme, weights);
  quantize::SetActivations(scheme, activations);
  return Run(b.graph, OnGrid(64, {0.02F, 5}, 8), scheme);
}

TEST_CASE("float and dynamic layers: the bias takes the mean error of the data") {
  // The data is one sample, so its mean error is its error. Only the order of sums of 64 products
  // of up to 2.6 * 1.3 remains; the weights' rounding alone, to steps of 0.4, would be off by 5.
  CHECK(RunLayer("Gemm", "linear3", "float").ErrorInSteps() < 1e-4);
  CHECK(RunLayer("Gemm", "codebook2", "float").ErrorInSteps() < 1e-4);
  // Activations are off by half of their step of 0.02, which meets the weights' 64 times 1.28.
  CHECK(RunLayer("Gemm", "linear3", "dynamic").ErrorInSteps() < 64 * 0.5 * 0.02 * 1.28);
}

TEST_CASE("a float MatMul has no bias; its weights make up for each other") {
  const Outcome outcome = RunLayer("MatMul", "linear3", "float");
  // Each weight is off by up to half of 1.28 / 3, its input by up to 2.6. What the last weights
  // cannot take of the sum is less than a step of one weight at a typical input.
  CHECK(outcome.ErrorInSteps() < 0.5 * 1.28 / 3 * 2.6);
}

TEST_CASE("a node without integer form stands between Dequantize and Quantize, with its reason") {
  GraphBuilder b;
  b.Input("x", {1, 50});
  b.Add("Exp", {"x"}, {"e"});
  b.Add("Div", {"x", "e"}, {"d"});
  b.Add("Neg", {"d"}, {"y"});
  const Outcome outcome = Run(b.graph, OnGrid(50, {0.01F, 0}, 5));
  CHECK(outcome.OperatorTypes() == std::vector<std::string>{"Lookup", "Dequantize", "Dequantize",
                                                            "Binary", "Quantize", "Lookup"});
  size_t reasons = 0;
  for (const lowering::LoweredOperator& op : outcome.model.operators)
    reasons += !op.float_reason.empty();
  CHECK(reasons == 1);
}

}  // namespace
}  // namespace lutra::converter::test
