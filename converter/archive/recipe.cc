#include "converter/archive/recipe.h"

#include "converter/checkpoint/tensor_name.h"
#include "converter/quantize/recipe_file.h"

namespace lutra::converter::archive {
namespace {

using quantize::RecipeName;

class ArchiveRecipe : public quantize::RecipeTarget {
 public:
  ArchiveRecipe(const checkpoint::Checkpoint& checkpoint, CompressOptions& options)
      : checkpoint_(checkpoint), options_(options) {
    options_.formats.assign(checkpoint.tensors.size(), std::nullopt);
  }

  bool SetDefault(std::string_view key, const Json& value) override {
    return quantize::SetWeightField(key, value, kArchiveWords, options_.format);
  }
  size_t count() const override { return options_.formats.size(); }
  bool Fits(size_t i, const RecipeName& name) const override {
    const std::string& tensor = checkpoint_.tensors[i].name;
    return name.Fits(tensor) || name.Fits(checkpoint::WithoutWrapper(tensor));
  }
  bool Set(size_t i, std::string_view key, const Json& value) override {
    std::optional<WeightFormat>& format = options_.formats[i];
    if (!format) format = options_.format;
    return quantize::SetWeightField(key, value, kArchiveWords, *format);
  }

 private:
  const checkpoint::Checkpoint& checkpoint_;
  CompressOptions& options_;
};

constexpr quantize::RecipeWords kTensorWords = {
    .what = "an archive's recipe",
    .fields = "weights, granularity, asymmetric",
    .fits_nothing = "fits no tensor; lutra inspect lists their names"};

}  // namespace

void ReadArchiveRecipe(const checkpoint::Checkpoint& checkpoint, std::string_view json,
                       const std::string& source, CompressOptions& options) {
  ArchiveRecipe target(checkpoint, options);
  quantize::ReadRecipeFile(json, source, kTensorWords, target);
}

}  // namespace lutra::converter::archive
