#include "converter/quantize/recipe.h"

#include <nlohmann/json.hpp>

#include "converter/error.h"
#include "converter/json_text.h"
#include "converter/quantize/layer_name.h"
#include "converter/quantize/range.h"

namespace lutra::converter::quantize {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void Refuse(std::string_view what, std::string_view text, std::string_view allowed) {
  throw Error(std::string(what) + " '" + std::string(text) + "' is unknown; use " +
              std::string(allowed));
}

std::string ActivationsText(const LayerScheme& scheme) {
  constexpr const char* kTexts[] = {"int8", "dynamic", "float"};
  return kTexts[static_cast<size_t>(scheme.activations)];
}

Json ToJson(const LayerScheme& scheme) {
  Json json;
  json["weights"] = WeightsText(scheme);
  json["activations"] = ActivationsText(scheme);
  json["granularity"] = scheme.granularity == Granularity::channel ? "channel" : "tensor";
  json["asymmetric"] = scheme.asymmetric;
  json["calibrator"] = std::string(CalibratorName(scheme.calibrator));
  if (scheme.codebook_channels != 0) json["codebook_channels"] = scheme.codebook_channels;
  return json;
}

// Where in the recipe something is wrong.
class Path {
 public:
  Path(std::string source, std::string path) : source_(std::move(source)), path_(std::move(path)) {}
  Path operator/(const std::string& field) const { return {source_, path_ + "." + field}; }
  Path operator[](size_t i) const { return {source_, path_ + "[" + std::to_string(i) + "]"}; }
  [[noreturn]] void Fail(const std::string& why) const {
    throw PlacedError(source_ + ": " + path_ + ": " + why);
  }

 private:
  std::string source_, path_;
};

std::string Text(const Json& json, const Path& path) {
  if (!json.is_string()) path.Fail("must be a string");
  return json.get<std::string>();
}

// Reads the fields of a scheme; `other` are fields that the caller knows.
void ReadScheme(const Json& json, const Path& path, std::initializer_list<std::string_view> other,
                LayerScheme& scheme) {
  if (!json.is_object()) path.Fail("must be an object");
  for (const auto& [key, value] : json.items()) {
    const Path here = path / key;
    try {
      if (key == "weights") {
        SetWeights(scheme, Text(value, here));
      } else if (key == "activations") {
        SetActivations(scheme, Text(value, here));
      } else if (key == "granularity") {
        SetGranularity(scheme, Text(value, here));
      } else if (key == "calibrator") {
        SetCalibrator(scheme, Text(value, here));
      } else if (key == "asymmetric") {
        if (!value.is_boolean()) here.Fail("must be true or false");
        scheme.asymmetric = value.get<bool>();
      } else if (key == "codebook_channels") {
        if (!value.is_number_unsigned()) here.Fail("must be a whole number, 0 or more");
        SetCodebookChannels(scheme, value.get<uint64_t>());
      } else if (std::find(other.begin(), other.end(), key) == other.end()) {
        here.Fail(
            "is no field of a recipe; known are weights, activations, granularity, "
            "asymmetric, calibrator, codebook_channels");
      }
    } catch (const PlacedError&) {
      throw;
    } catch (const Error& error) {
      here.Fail(error.what());
    }
  }
}

// Of a node; a Transpose into an output goes by the name of what it transposes.
struct Named {
  std::string name, label;
  LayerScheme* scheme;
};

void ApplyLayer(const Json& json, const Path& path, const std::vector<Named>& layers,
                RecipeWeights& given) {
  if (!json.is_object()) path.Fail("must be an object");
  const bool by_name = json.contains("name");
  if (by_name == json.contains("pattern")) path.Fail("needs either \"name\" or \"pattern\"");
  const char* key = by_name ? "name" : "pattern";
  const std::string wanted = Text(json[key], path / key);
  bool found = false;
  for (const Named& layer : layers) {
    if (by_name ? layer.name != wanted : !MatchesPattern(layer.name, wanted)) continue;
    found = true;
    ReadScheme(json, path, {"name", "pattern"}, *layer.scheme);
    if (json.contains("weights")) given.layers.insert(layer.label);
  }
  if (!found) {
    (path / key)
        .Fail("'" + wanted +
              "' fits no layer; layers are named by their ONNX outputs "
              "(see the report of a conversion)");
  }
}

}  // namespace

void SetWeights(LayerScheme& scheme, std::string_view text) {
  if (text == "fp16" || text == "fp32") {
    scheme.weights = text == "fp16" ? WeightType::fp16 : WeightType::fp32;
    return;
  }
  const auto digit_after = [&](std::string_view name, char least) {
    const bool fits = text.size() == name.size() + 1 && text.starts_with(name) &&
                      text.back() >= least && text.back() <= '8';
    return fits ? text.back() - '0' : 0;
  };
  const int linear = text == "int8" ? 8 : digit_after("linear", '2');
  const int codebook = digit_after("codebook", '1');
  if (linear == 0 && codebook == 0) {
    Refuse("weights", text, "int8, linear2 to linear8, codebook1 to codebook8, fp16 or fp32");
  }
  scheme.weights = linear != 0 ? WeightType::linear : WeightType::codebook;
  scheme.bits = linear + codebook;
}

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
  } else {
    Refuse("activations", text, "int8, dynamic or float");
  }
}

void SetGranularity(LayerScheme& scheme, std::string_view text) {
  if (text != "channel" && text != "tensor") Refuse("granularity", text, "channel or tensor");
  scheme.granularity = text == "channel" ? Granularity::channel : Granularity::tensor;
}

void SetCalibrator(LayerScheme& scheme, std::string_view text) {
  for (const CalibratorKind kind : {CalibratorKind::minmax, CalibratorKind::percentile,
                                    CalibratorKind::mse, CalibratorKind::entropy}) {
    if (text == CalibratorName(kind)) {
      scheme.calibrator = kind;
      return;
    }
  }
  Refuse("calibrator", text, "minmax, percentile, mse or entropy");
}

std::map<std::string, LayerScheme> ReadRecipe(const Graph& graph, const LayerScheme& defaults,
                                              std::string_view json, const std::string& source,
                                              RecipeWeights* given) {
  RecipeWeights unasked;
  if (given == nullptr) given = &unasked;
  std::map<std::string, LayerScheme> schemes;
  for (const Node& node : graph.nodes) schemes[node.Label()] = defaults;
  if (json.empty()) return schemes;
  const Path root(source, "$");
  const Json recipe = ParseJson<Json>(json, source);
  if (!recipe.is_object()) root.Fail("must be an object");
  for (const auto& [key, value] : recipe.items()) {
    if (key != "default" && key != "layers" && key != "written_by") {
      (root / key).Fail("is no field of a recipe; known are default, layers");
    }
  }
  if (recipe.contains("default")) {
    LayerScheme scheme = defaults;
    ReadScheme(recipe["default"], root / "default", {}, scheme);
    for (auto& entry : schemes) entry.second = scheme;
    given->by_default = recipe["default"].contains("weights");
  }
  if (recipe.contains("layers")) {
    const Json& layers = recipe["layers"];
    if (!layers.is_array()) (root / "layers").Fail("must be a list");
    std::vector<Named> named;
    for (const Node& node : graph.nodes) {
      named.push_back({LayerName(graph, node), node.Label(), &schemes.at(node.Label())});
    }
    for (size_t i = 0; i < layers.size(); ++i) {
      ApplyLayer(layers[i], (root / "layers")[i], named, *given);
    }
  }
  return schemes;
}

std::string WriteRecipe(const Graph& graph, const LayerScheme& defaults,
                        const std::map<std::string, LayerScheme>& schemes) {
  Json recipe;
  recipe["default"] = ToJson(defaults);
  recipe["layers"] = Json::array();
  std::set<std::string> written;
  for (const Node& node : graph.nodes) {
    Json layer;
    const std::string name = LayerName(graph, node);
    if (!written.insert(name).second) continue;
    layer["name"] = name;
    layer.update(ToJson(schemes.at(node.Label())));
    recipe["layers"].push_back(std::move(layer));
  }
  return recipe.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string WeightsText(const LayerScheme& scheme) {
  switch (scheme.weights) {
    case WeightType::fp16:
      return "fp16";
    case WeightType::fp32:
      return "fp32";
    case WeightType::codebook:
      return "codebook" + std::to_string(scheme.bits);
    case WeightType::linear:
      break;
  }
  return scheme.bits == 8 ? "int8" : "linear" + std::to_string(scheme.bits);
}

bool MatchesPattern(std::string_view text, std::string_view pattern) {
  size_t t = 0, p = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace lutra::converter::quantize
