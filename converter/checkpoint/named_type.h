// Element types by the names that a file format has for them.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include "converter/graph/tensor.h"

namespace lutra::converter::checkpoint {

struct NamedType {
  std::string_view name;
  DataType type;
};

inline std::optional<DataType> TypeNamed(std::span<const NamedType> types, std::string_view name) {
  const auto found = std::ranges::find(types, name, &NamedType::name);
  if (found == types.end()) return std::nullopt;
  return found->type;
}

}  // namespace lutra::converter::checkpoint
