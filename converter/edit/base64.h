// Base64 (RFC 4648, with padding): bytes in ONNX's metadata, which holds text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lutra::converter::edit {

std::string ToBase64(std::span<const uint8_t> bytes);
/// Nothing when the text is no Base64.
std::optional<std::vector<uint8_t>> FromBase64(std::string_view text);

}  // namespace lutra::converter::edit
