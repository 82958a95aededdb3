#include "converter/archive/recipe.h"

#include <nlohmann/json.hpp>

#include "converter/checkpoint/tensor_name.h"
#include "converter/error.h"
#include "converter/json_text.h"
#include "converter/quantize/recipe.h"

namespace lutra::converter::archive {
namespace {

using Json = nlohmann::ordered_json;

const std::string& Text(const Json& value) {
  if (!value.is_string()) throw Error("must be a string");
  return value.get_ref<const std::string&>();
}

void ReadFormat(const Json& json, const std::string& path, bool layer, ArchiveFormat& format) {
  if (!json.is_object()) throw Error(path + ": must be an object");
  for (const auto& [key, value] : json.items()) {
    try {
      if (key == "weights") {
        SetArchiveWeights(format, Text(value));
      } else if (key == "granularity") {
        SetArchiveGranularity(format, Text(value));
      } else if (key == "asymmetric") {
        if (!value.is_boolean()) throw Error("must be true or false");
        format.asymmetric = value.get<bool>();
      } else if (!layer || (key != "name" && key != "pattern")) {
        throw Error(
            "is no field of an archive's recipe; known are weights, granularity, "
            "asymmetric");
      }
    } catch (const Error& error) {
      throw Error(std::string(path).append(".").append(key).append(": ") + error.what());
    }
  }
}

bool Fits(std::string_view name, std::string_view wanted, bool pattern) {
  const auto fits = [&](std::string_view text) {
    return pattern ? quantize::MatchesPattern(text, wanted) : text == wanted;
  };
  return fits(name) || fits(checkpoint::WithoutWrapper(name));
}

void ApplyLayer(const Json& json, const std::string& path, const checkpoint::Checkpoint& checkpoint,
                CompressOptions& options) {
  if (!json.is_object()) throw Error(path + ": must be an object");
  const bool by_name = json.contains("name");
  if (by_name == json.contains("pattern")) {
    throw Error(path + ": needs either \"name\" or \"pattern\"");
  }
  const char* key = by_name ? "name" : "pattern";
  if (!json[key].is_string()) throw Error(path + "." + key + ": must be a string");
  const std::string wanted = json[key].get<std::string>();
  bool found = false;
  for (size_t i = 0; i < checkpoint.tensors.size(); ++i) {
    if (!Fits(checkpoint.tensors[i].name, wanted, !by_name)) continue;
    found = true;
    ArchiveFormat format = options.formats[i].value_or(options.format);
    ReadFormat(json, path, true, format);
    options.formats[i] = format;
  }
  if (!found) {
    throw Error(path + "." + key + ": '" + wanted +
                "' fits no tensor; lutra inspect lists their names");
  }
}

void ReadWhole(const checkpoint::Checkpoint& checkpoint, const Json& recipe,
               CompressOptions& options) {
  if (!recipe.is_object()) throw Error("$: must be an object");
  for (const auto& [key, value] : recipe.items()) {
    if (key != "default" && key != "layers") {
      throw Error("$." + key + ": is no field of a recipe; known are default, layers");
    }
  }
  if (recipe.contains("default")) {
    ReadFormat(recipe["default"], "$.default", false, options.format);
  }
  options.formats.assign(checkpoint.tensors.size(), std::nullopt);
  if (!recipe.contains("layers")) return;
  const Json& layers = recipe["layers"];
  if (!layers.is_array()) throw Error("$.layers: must be a list");
  for (size_t i = 0; i < layers.size(); ++i) {
    ApplyLayer(layers[i], "$.layers[" + std::to_string(i) + "]", checkpoint, options);
  }
}

}  // namespace

void ReadArchiveRecipe(const checkpoint::Checkpoint& checkpoint, std::string_view json,
                       const std::string& source, CompressOptions& options) {
  const Json recipe = ParseJson<Json>(json, source);
  try {
    ReadWhole(checkpoint, recipe, options);
  } catch (const Error& error) {
    throw Error(source + ": " + error.what());
  }
}

}  // namespace lutra::converter::archive
