// Normalizations in float32 and picks by tables, on the runtime.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "lowered.h"

namespace lutra::converter::test {
namespace {

std::vector<float> Random(size_t count, float scale, float shift, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = scale * normal(random) + shift;
  return values;
}

quantize::LayerScheme FloatScheme() {
  quantize::LayerScheme scheme;
  scheme.kind = WeightKind::fp32;
  scheme.activations = quantize::ActivationType::float_;
  return scheme;
}

TEST_CASE("normalizations are those of the float executor") {
  const auto check = [](const char* op, std::map<std::string, Attribute> attributes,
                        std::vector<int64_t> parameters, bool shifts) {
    CAPTURE(op);
    GraphBuilder b;
    b.Input("x", {1, 6, 4, 5});
    size_t count = 1;
    for (const int64_t d : parameters) count *= static_cast<size_t>(d);
    b.Floats("scale", parameters, Random(count, 0.3F, 1, 1));
    b.Floats("shift", parameters, Random(count, 0.3F, 0, 2));
    Node& node = b.Add(op, {"x", "scale"}, {"y"});
    if (shifts) node.inputs.push_back("shift");
    node.attributes = std::move(attributes);
    node.layout = Layout::nchw;
    node.clamp = Clamp{-1, 1.5F};
    const Outcome outcome = Run(b.graph, Random(120, 2, 3, 3), FloatScheme());
    CHECK(outcome.scale == 0);
    // float32 sums of at most 120 terms against float64 ones, of values up to 10.
    CHECK(outcome.ErrorInSteps() < 1e-5);
  };
  check("LayerNormalization", {}, {5}, true);
  check("LayerNormalization", {{"axis", int64_t{1}}}, {6, 4, 5}, true);
  check("LayerNormalization", {{"axis", int64_t{-2}}}, {4, 5}, false);
  check("LayerNormalization", {{"axis", int64_t{0}}, {"epsilon", 0.1F}}, {1, 6, 4, 5}, true);
  check("RMSNormalization", {{"axis", int64_t{2}}}, {4, 5}, false);
  check("RMSNormalization", {{"axis", int64_t{1}}}, {5}, false);  // broadcast over [6, 4, 5]
  check("LayerNormalization", {{"axis", int64_t{1}}}, {6, 1, 1}, true);
  check("InstanceNormalization", {}, {6}, true);
  check("GroupNormalization", {{"num_groups", int64_t{2}}}, {6}, true);
  check("GroupNormalization", {{"num_groups", int64_t{3}}}, {3}, true);  // opset 18: per group
}

TEST_CASE("PRelu with slopes of any shape") {
  for (const std::vector<int64_t>& dims :
       std::vector<std::vector<int64_t>>{{1}, {5}, {4, 1}, {6, 1, 1}, {2, 6, 4, 5}}) {
    CAPTURE(dims.size());
    GraphBuilder b;
    b.Input("x", {2, 6, 4, 5});
    size_t count = 1;
    for (const int64_t d : dims) count *= static_cast<size_t>(d);
    b.Floats("slope", dims, Random(count, 0.5F, 0, 1));
    b.Add("PRelu", {"x", "slope"}, {"y"}).clamp = Clamp{-0.5F, 1.5F};
    const Outcome outcome = Run(b.graph, Random(240, 1, 0, 2), FloatScheme());
    CHECK(outcome.got == outcome.wanted);  // one product each, and a sum with 0
  }
}

TEST_CASE("PRelu with a scalar slope where the innermost dimension is 1") {
  GraphBuilder b;
  b.Input("x", {1, 2, 1});
  b.Floats("slope", {}, {0.5F});
  b.Add("PRelu", {"x", "slope"}, {"y"});
  CHECK(Run(b.graph, {-3, 4}, FloatScheme()).got == std::vector<float>{-1.5F, 4});
}

TEST_CASE("Softmax along the only dimension, which is no batch") {
  GraphBuilder b;
  b.Input("x", {6});
  b.Add("Softmax", {"x"}, {"y"});
  CHECK(Run(b.graph, Random(6, 2, 0, 3), FloatScheme()).ErrorInSteps() < 1e-5);
}

TEST_CASE("a scalar keeps its shape") {
  GraphBuilder b;
  b.Input("x", {1, 4});
  b.Add("ReduceSum", {"x"}, {"y"}).attributes["keepdims"] = int64_t{0};
  const Outcome outcome = Run(b.graph, {1, 2, 3, 4.5F}, FloatScheme());
  CHECK(outcome.model.writer.model.outputs[0]->shape.empty());
  CHECK(outcome.got == std::vector<float>{10.5F});
}

TEST_CASE("uneven indices, whatever the axis, pick exactly") {
  constexpr quantize::QuantParams kIn{0.05F, 13};
  const std::vector<std::vector<int64_t>> indices = {{0, 2, 1, 1}, {-1, 0, 0, 2, 1}, {0, 0, 0}};
  for (const int64_t axis : {int64_t{0}, int64_t{1}, int64_t{2}, int64_t{-1}}) {
    for (const auto& picked : indices) {
      CAPTURE(axis);
      GraphBuilder b;
      b.Input("x", {3, 4, 3, 5});
      b.Ints("i", picked);
      Node& gather = b.Add("Gather", {"x", "i"}, {"y"});
      gather.attributes["axis"] = axis;
      const Outcome outcome = Run(b.graph, OnGrid(180, kIn, 1));
      CHECK(outcome.scale != 0);
      CHECK(outcome.ErrorInSteps() < 1e-3);
      CHECK(std::ranges::count(outcome.OperatorTypes(), "Resize") == 1);
      CHECK(Run(b.graph, OnGrid(180, kIn, 1), FloatScheme()).ErrorInSteps() == 0);
    }
  }
}

}  // namespace
}  // namespace lutra::converter::test
