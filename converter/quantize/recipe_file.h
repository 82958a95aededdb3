// The frame of recipes, for models and archives alike. JSON, one object:
//
//   { "default": { FIELDS }, "layers": [ { "name": "fc1", FIELDS }, { "pattern": "*.weight", FIELDS
//   } ] }
//
// Every field may be left out; later entries win over earlier ones. A pattern has * for any
// characters and ? for one.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "converter/graph/weight_text.h"

namespace lutra::converter::quantize {

/// What an entry of "layers" is for.
struct RecipeName {
  std::string text;
  bool is_pattern = false;

  bool Fits(std::string_view name) const;
};

/// What a recipe is read into. Setters return false for a field that they do not know, and throw
/// Error for a value that they do not like.
class RecipeTarget {
 public:
  using Json = nlohmann::ordered_json;

  virtual ~RecipeTarget() = default;
  /// Called before all others.
  virtual bool SetDefault(std::string_view key, const Json& value) = 0;
  virtual size_t count() const = 0;
  virtual bool Fits(size_t i, const RecipeName& name) const = 0;
  virtual bool Set(size_t i, std::string_view key, const Json& value) = 0;
};

/// For messages.
struct RecipeWords {
  const char* what;          ///< "a recipe"
  const char* fields;        ///< the fields that the setters know
  const char* fits_nothing;  ///< behind a name or pattern
};

/// `source` names the recipe in messages. Throws Error with the JSON path of the fault; an entry
/// that fits nothing is one.
void ReadRecipeFile(std::string_view json, const std::string& source, const RecipeWords& words,
                    RecipeTarget& target);

/// The fields that say how weights are written: weights, granularity, asymmetric.
bool SetWeightField(std::string_view key, const RecipeTarget::Json& value, const WeightWords& words,
                    WeightFormat& format);

/// Throws Error unless it is one.
std::string RecipeText(const RecipeTarget::Json& value);

}  // namespace lutra::converter::quantize
