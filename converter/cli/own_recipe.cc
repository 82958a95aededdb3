#include "converter/cli/own_recipe.h"

#include <cinttypes>
#include <cstdio>
#include <filesystem>

#include "lutra/lutra.h"
#include "schema/container.h"

namespace lutra::converter::cli {
namespace {

// A recipe is an object with a field on each line; the mark is its first.
constexpr std::string_view kStart = "{\n";
constexpr std::string_view kMark = "  \"written_by\": \"lutra ";

std::string Checksum(std::string_view recipe) {
  char hex[9];
  std::snprintf(hex, sizeof hex, "%08" PRIx32, Crc32c(recipe.data(), recipe.size()));
  return hex;
}

}  // namespace

std::string RecipePath(const std::string& output) {
  return std::filesystem::path(output).replace_extension(".recipe.json").string();
}

std::string MarkRecipe(std::string_view recipe) {
  const std::string mark =
      std::string(kMark) + lutra_version() + ", checksum " + Checksum(recipe) + "\",\n";
  return std::string(kStart) + mark + std::string(recipe.substr(kStart.size()));
}

bool IsMarkedRecipe(std::string_view text) {
  if (!text.starts_with(kStart) || !text.substr(kStart.size()).starts_with(kMark)) return false;
  const size_t end = text.find('\n', kStart.size());
  if (end == std::string_view::npos) return false;
  const std::string_view mark = text.substr(kStart.size(), end - kStart.size());
  const std::string recipe = std::string(kStart) + std::string(text.substr(end + 1));
  return mark.ends_with("checksum " + Checksum(recipe) + "\",");
}

}  // namespace lutra::converter::cli
