// The recipe that `lutra convert` writes beside the model. It bears a mark with a checksum, so that
// a later conversion replaces what this program wrote and never what a person wrote or changed.
#pragma once

#include <string>
#include <string_view>

namespace lutra::converter::cli {

/// net.lutra -> net.recipe.json
std::string RecipePath(const std::string& output);

/// The recipe with its mark, a field "written_by" that readers of recipes skip.
std::string MarkRecipe(std::string_view recipe);

/// Whether the text is one of MarkRecipe's, unchanged.
bool IsMarkedRecipe(std::string_view text);

}  // namespace lutra::converter::cli
