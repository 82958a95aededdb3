#include "converter/quantize/recipe.h"

#include <nlohmann/json.hpp>

#include "converter/error.h"
#include "converter/quantize/layer_name.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/range.h"
#include "converter/quantize/recipe_file.h"

namespace lutra::converter::quantize {
namespace {

using Json = nlohmann::ordered_json;

std::string ActivationsText(const LayerScheme& scheme) {
  constexpr const char* kTexts[] = {"int8", "dynamic", "float", "int16"};
  return kTexts[static_cast<size_t>(scheme.activations)];
}

Json ToJson(const LayerScheme& scheme) {
  Json json;
  json["weights"] = WeightsText(scheme);
  json["activations"] = ActivationsText(scheme);
  json["granularity"] = GranularityText(scheme);
  json["asymmetric"] = scheme.asymmetric;
  json["calibrator"] = std::string(CalibratorName(scheme.calibrator));
  if (scheme.codebook_channels != 0) json["codebook_channels"] = scheme.codebook_channels;
  return json;
}

/// The nodes of a graph as a recipe names them; a Transpose into an output goes by the name of what
/// it transposes.
class LayerRecipe : public RecipeTarget {
 public:
  LayerRecipe(const Graph& graph, LayerScheme defaults, std::map<std::string, LayerScheme>& schemes,
              RecipeWeights& given)
      : defaults_(std::move(defaults)), schemes_(schemes), given_(given) {
    for (const Node& node : graph.nodes) {
      layers_.push_back({LayerName(graph, node), node.Label(), &schemes_[node.Label()]});
      *layers_.back().scheme = defaults_;
    }
  }

  bool SetDefault(std::string_view key, const Json& value) override {
    given_.by_default = given_.by_default || key == "weights";
    if (!SetField(key, value, defaults_)) return false;
    for (auto& entry : schemes_) entry.second = defaults_;
    return true;
  }
  size_t count() const override { return layers_.size(); }
  bool Fits(size_t i, const RecipeName& name) const override { return name.Fits(layers_[i].name); }
  bool Set(size_t i, std::string_view key, const Json& value) override {
    if (key == "weights") given_.layers.insert(layers_[i].label);
    return SetField(key, value, *layers_[i].scheme);
  }

 private:
  struct Named {
    std::string name, label;
    LayerScheme* scheme;
  };

  static bool SetField(std::string_view key, const Json& value, LayerScheme& scheme) {
    if (key == "activations") {
      SetActivations(scheme, RecipeText(value));
    } else if (key == "calibrator") {
      SetCalibrator(scheme, RecipeText(value));
    } else if (key == "codebook_channels") {
      if (!value.is_number_unsigned()) throw Error("must be a whole number, 0 or more");
      SetCodebookChannels(scheme, value.get<uint64_t>());
    } else {
      return SetWeightField(key, value, kModelWords, scheme);
    }
    return true;
  }

  LayerScheme defaults_;
  std::map<std::string, LayerScheme>& schemes_;
  RecipeWeights& given_;
  std::vector<Named> layers_;
};

constexpr RecipeWords kLayerWords = {
    .what = "a recipe",
    .fields = "weights, activations, granularity, asymmetric, calibrator, codebook_channels",
    .fits_nothing =
        "fits no layer; layers are named by their ONNX outputs (see the report of a conversion)"};

}  // namespace

void SetCodebookChannels(LayerScheme& scheme, uint64_t channels) {
  if (channels % 16 != 0 || channels > 65536) {
    throw Error(std::to_string(channels) +
                " channels cannot share a codebook; use a multiple of 16, or 0 for all");
  }
  scheme.codebook_channels = static_cast<uint32_t>(channels);
}

void SetActivations(LayerScheme& scheme, std::string_view text) {
  if (text == "int8") {
    scheme.activations = ActivationType::integer;
  } else if (text == "dynamic") {
    scheme.activations = ActivationType::dynamic;
  } else if (text == "float") {
    scheme.activations = ActivationType::float_;
  } else if (text == "int16") {
    scheme.activations = ActivationType::wide;
  } else {
    RefuseWord("activations", text, "int8, int16, dynamic or float");
  }
}

void SetCalibrator(LayerScheme& scheme, std::string_view text) {
  for (const CalibratorKind kind :
       {CalibratorKind::minmax, CalibratorKind::percentile, CalibratorKind::mse,
        CalibratorKind::entropy, CalibratorKind::automatic}) {
    if (text == CalibratorName(kind)) {
      scheme.calibrator = kind;
      return;
    }
  }
  RefuseWord("calibrator", text, "auto, minmax, percentile, mse or entropy");
}

std::map<std::string, LayerScheme> ReadRecipe(const Graph& graph, const LayerScheme& defaults,
                                              std::string_view json, const std::string& source,
                                              RecipeWeights* given) {
  RecipeWeights unasked;
  if (given == nullptr) given = &unasked;
  std::map<std::string, LayerScheme> schemes;
  LayerRecipe layers(graph, defaults, schemes, *given);
  if (!json.empty()) ReadRecipeFile(json, source, kLayerWords, layers);
  return schemes;
}

void KeepDepthwiseBits(const Graph& graph, const RecipeWeights& given,
                       std::map<std::string, LayerScheme>& schemes) {
  for (const Node& node : graph.nodes) {
    LayerScheme& scheme = schemes.at(node.Label());
    if (!IsDepthwise(graph, node) || given.layers.contains(node.Label())) continue;
    if (!scheme.HasIntegers() || scheme.bits >= 8) continue;
    static_cast<WeightFormat&>(scheme) = WeightFormat{};
  }
}

std::string WriteRecipe(const Graph& graph, const LayerScheme& defaults,
                        const std::map<std::string, LayerScheme>& schemes) {
  Json recipe;
  recipe["default"] = ToJson(defaults);
  recipe["layers"] = Json::array();
  std::set<std::string> written;
  for (const Node& node : graph.nodes) {
    const auto scheme = schemes.find(node.Label());
    if (scheme == schemes.end()) continue;
    Json layer;
    const std::string name = LayerName(graph, node);
    if (!written.insert(name).second) continue;
    layer["name"] = name;
    layer.update(ToJson(scheme->second));
    recipe["layers"].push_back(std::move(layer));
  }
  return recipe.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lutra::converter::quantize
