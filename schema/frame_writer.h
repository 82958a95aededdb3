// The other half of frame.h: header, FlatBuffer, padding, segments, checksum.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lutra {

/// `tables` is a finished FlatBuffer with its identifier. Throws std::length_error when it is
/// larger than kMaxMetadataBytes.
std::vector<uint8_t> WriteFrame(std::span<const uint8_t> tables, std::span<const uint8_t> segments,
                                uint16_t format_version);

}  // namespace lutra
