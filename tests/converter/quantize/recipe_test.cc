#include "converter/quantize/recipe.h"

#include <doctest/doctest.h>

#include "converter/error.h"
#include "converter/pattern.h"

namespace lutra::converter::quantize {
namespace {

Graph ThreeLayers() {
  Graph graph;
  for (const char* name : {"conv1", "conv2", "head_cls"}) {
    Node node;
    node.op = "Conv";
    node.outputs = {name};
    graph.nodes.push_back(node);
  }
  return graph;
}

std::string MessageOf(const std::string& json) {
  try {
    ReadRecipe(ThreeLayers(), LayerScheme{}, json, "r.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST_CASE("defaults, names and patterns apply in order") {
  const auto schemes = ReadRecipe(ThreeLayers(), LayerScheme{}, R"({
    "default": {"calibrator": "mse"},
    "layers": [{"pattern": "conv?", "weights": "linear4", "asymmetric": true},
               {"name": "conv2", "weights": "int8"},
               {"name": "conv1", "activations": "int16"},
               {"pattern": "head*", "activations": "float", "granularity": "tensor"}]})",
                                  "r.json");
  CHECK(schemes.at("conv1").bits == 4);
  CHECK(schemes.at("conv1").asymmetric);
  CHECK(schemes.at("conv1").calibrator == CalibratorKind::mse);
  CHECK(schemes.at("conv1").activations == ActivationType::wide);
  CHECK(schemes.at("conv2").bits == 8);
  CHECK(schemes.at("conv2").asymmetric);
  CHECK(schemes.at("head_cls").activations == ActivationType::float_);
  CHECK(schemes.at("head_cls").granularity == Granularity::tensor);
}

TEST_CASE("depthwise convolutions keep 8 bits unless a recipe names them") {
  Graph graph;
  graph.inputs = {"x"};
  graph.initializers["dense"] = Tensor::Of({4, 4, 1, 1}, std::vector<float>(16, 0.5F));
  graph.initializers["depthwise"] = Tensor::Of({4, 1, 1, 1}, std::vector<float>(4, 0.5F));
  std::string input = "x";
  for (const std::string name : {"a", "b", "c"}) {
    Node node;
    node.op = "Conv";
    node.inputs = {input, name == "a" ? "dense" : "depthwise"};
    node.outputs = {input = name};
    if (name != "a") node.attributes["group"] = int64_t{4};
    graph.nodes.push_back(node);
  }
  graph.outputs = {"c"};
  LayerScheme defaults;
  SetWeights(defaults, "codebook4");
  RecipeWeights given;
  auto schemes = ReadRecipe(graph, defaults, R"({"layers": [{"name": "c", "weights": "linear4"}]})",
                            "r.json", &given);
  KeepDepthwiseBits(graph, given, schemes);
  CHECK(WeightsText(schemes.at("a")) == "codebook4");
  CHECK(WeightsText(schemes.at("b")) == "int8");
  CHECK(WeightsText(schemes.at("c")) == "linear4");
}

TEST_CASE("what is written reads back the same") {
  LayerScheme defaults;
  defaults.calibrator = CalibratorKind::entropy;
  auto schemes = ReadRecipe(ThreeLayers(), defaults, "", "");
  SetWeights(schemes["conv2"], "linear3");
  SetActivations(schemes["conv2"], "dynamic");
  SetWeights(schemes["head_cls"], "fp16");
  SetGranularity(schemes["conv1"], "group:64");
  const std::string text = WriteRecipe(ThreeLayers(), defaults, schemes);
  CHECK(ReadRecipe(ThreeLayers(), LayerScheme{}, text, "r.json") == schemes);
}

TEST_CASE("faults are named by file and JSON path") {
  CHECK(MessageOf("{") == "r.json: is not JSON (byte 2)");
  CHECK(MessageOf("[]") == "r.json: $: must be an object");
  CHECK(MessageOf(R"({"layer": []})") ==
        "r.json: $.layer: is no field of a recipe; known are default, layers");
  CHECK(MessageOf(R"({"default": {"weights": 8}})") ==
        "r.json: $.default.weights: must be a string");
  CHECK(MessageOf(R"({"default": {"weights": "linear9"}})") ==
        "r.json: $.default.weights: weights 'linear9' is unknown; use int8, linear2 to linear8, "
        "codebook1 to codebook8, fp16 or fp32");
  CHECK(MessageOf(R"({"default": {"granularity": "group:16"}})") ==
        "r.json: $.default.granularity: granularity 'group:16' is unknown; use channel, tensor, "
        "group:32, group:64 or group:128");
  CHECK(MessageOf(R"({"default": {"codebook_channels": 24}})") ==
        "r.json: $.default.codebook_channels: 24 channels cannot share a codebook; use a multiple "
        "of 16, or 0 for all");
  CHECK(MessageOf(R"({"layers": [{"name": "conv1"}, {"weights": "int8"}]})") ==
        "r.json: $.layers[1]: needs either \"name\" or \"pattern\"");
  CHECK(MessageOf(R"({"layers": [{"name": "conv1", "asymmetric": 1}]})") ==
        "r.json: $.layers[0].asymmetric: must be true or false");
  CHECK(MessageOf(R"({"layers": [{"pattern": "fc*"}]})")
            .starts_with("r.json: $.layers[0].pattern: 'fc*' fits no layer"));
  CHECK(MessageOf(R"({"layers": {}})") == "r.json: $.layers: must be a list");
}

TEST_CASE("weights as they are written") {
  for (const char* text :
       {"int8", "linear2", "linear7", "codebook1", "codebook8", "fp16", "fp32"}) {
    LayerScheme scheme;
    SetWeights(scheme, text);
    CHECK(WeightsText(scheme) == text);
  }
  LayerScheme scheme;
  SetWeights(scheme, "codebook3");
  CHECK(scheme.kind == WeightKind::codebook);
  CHECK(scheme.bits == 3);
  for (const char* text : {"linear1", "codebook0", "codebook9", "codebook", "int4"}) {
    CHECK_THROWS(SetWeights(scheme, text));
  }
}

TEST_CASE("patterns") {
  CHECK(MatchesPattern("conv1", "conv1"));
  CHECK(MatchesPattern("", "*"));
  CHECK(MatchesPattern("a/b/conv_12", "*conv_*"));
  CHECK(MatchesPattern("abcabd", "*ab?"));
  CHECK_FALSE(MatchesPattern("conv10", "conv?"));
  CHECK_FALSE(MatchesPattern("conv", "conv?"));
  CHECK_FALSE(MatchesPattern("xconv", "conv*"));
}

}  // namespace
}  // namespace lutra::converter::quantize
