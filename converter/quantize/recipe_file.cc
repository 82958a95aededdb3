#include "converter/quantize/recipe_file.h"

#include "converter/error.h"
#include "converter/json_text.h"
#include "converter/pattern.h"

namespace lutra::converter::quantize {
namespace {

using Json = RecipeTarget::Json;

class RecipeReader {
 public:
  RecipeReader(const std::string& source, const RecipeWords& words, RecipeTarget& target)
      : source_(source), words_(words), target_(target) {}

  void Read(const Json& recipe) {
    if (!recipe.is_object()) Fail("$", "must be an object");
    for (const auto& [key, value] : recipe.items()) {
      if (key != "default" && key != "layers" && key != "written_by") {
        Fail("$." + key, "is no field of a recipe; known are default, layers");
      }
    }
    if (recipe.contains("default")) {
      const Json& fields = recipe["default"];
      if (!fields.is_object()) Fail("$.default", "must be an object");
      for (const auto& [key, value] : fields.items()) {
        Set("$.default." + key,
            [&, &name = key, &given = value] { return target_.SetDefault(name, given); });
      }
    }
    if (!recipe.contains("layers")) return;
    const Json& layers = recipe["layers"];
    if (!layers.is_array()) Fail("$.layers", "must be a list");
    for (size_t i = 0; i < layers.size(); ++i) {
      ReadLayer(layers[i], "$.layers[" + std::to_string(i) + "]");
    }
  }

 private:
  void ReadLayer(const Json& layer, const std::string& path) {
    if (!layer.is_object()) Fail(path, "must be an object");
    const bool by_name = layer.contains("name");
    if (by_name == layer.contains("pattern")) {
      Fail(path, "needs either \"name\" or \"pattern\"");
    }
    const std::string key = by_name ? "name" : "pattern";
    if (!layer[key].is_string()) Fail(path + "." + key, "must be a string");
    const RecipeName wanted{layer[key].get<std::string>(), !by_name};
    bool found = false;
    for (size_t i = 0; i < target_.count(); ++i) {
      if (!target_.Fits(i, wanted)) continue;
      found = true;
      for (const auto& [field, value] : layer.items()) {
        if (field == key) continue;
        Set(path + "." + field,
            [&, &name = field, &given = value] { return target_.Set(i, name, given); });
      }
    }
    if (!found) Fail(path + "." + key, "'" + wanted.text + "' " + words_.fits_nothing);
  }

  template <typename Setter>
  void Set(const std::string& path, const Setter& setter) {
    bool known = false;
    try {
      known = setter();
    } catch (const Error& error) {
      Fail(path, error.what());
    }
    if (!known) {
      Fail(path, std::string("is no field of ") + words_.what + "; known are " + words_.fields);
    }
  }

  [[noreturn]] void Fail(const std::string& path, const std::string& why) const {
    throw Error(source_ + ": " + path + ": " + why);
  }

  const std::string& source_;
  const RecipeWords& words_;
  RecipeTarget& target_;
};

}  // namespace

bool RecipeName::Fits(std::string_view name) const {
  return is_pattern ? MatchesPattern(name, text) : name == text;
}

void ReadRecipeFile(std::string_view json, const std::string& source, const RecipeWords& words,
                    RecipeTarget& target) {
  RecipeReader(source, words, target).Read(ParseJson<Json>(json, source));
}

std::string RecipeText(const Json& value) {
  if (!value.is_string()) throw Error("must be a string");
  return value.get<std::string>();
}

bool SetWeightField(std::string_view key, const Json& value, const WeightWords& words,
                    WeightFormat& format) {
  if (key == "weights") {
    SetWeights(format, RecipeText(value), words);
  } else if (key == "granularity") {
    SetGranularity(format, RecipeText(value), words);
  } else if (key == "asymmetric") {
    if (!value.is_boolean()) throw Error("must be true or false");
    format.asymmetric = value.get<bool>();
  } else {
    return false;
  }
  return true;
}

}  // namespace lutra::converter::quantize
