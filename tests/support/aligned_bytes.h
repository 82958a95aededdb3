// Opening a file's bytes as the library does: in memory of their exact size, so that a sanitizer
// sees every read past the end, and aligned as malloc aligns.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "schema/validate.h"

namespace lutra::test {

/// OpenContainer, then Validate.
inline Status OpenAndValidate(std::span<const uint8_t> file) {
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[file.size()]);
  if (!file.empty()) std::memcpy(bytes.get(), file.data(), file.size());
  ModelView view;
  LUTRA_RETURN_IF_ERROR(OpenContainer(bytes.get(), file.size(), &view));
  return Validate(view);
}

}  // namespace lutra::test
