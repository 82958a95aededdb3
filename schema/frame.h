// The bytes that every file of ours has around its FlatBuffers root: identifier, header, checksum,
// segments (container.h has the offsets). Models and archives differ in the identifier, the
// version, and in what the root is.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schema/status.h"

namespace lutra {

/// Archives of weights without a graph (archive.h).
constexpr const char* kArchiveIdentifier = "LUTA";
constexpr uint16_t kArchiveFormatVersion = 2;

struct FrameKind {
  const char* identifier;  ///< four characters
  const char* what;        ///< "model", for messages
  uint16_t format_version;
};

struct Frame {
  const uint8_t* bytes = nullptr;
  uint16_t format_version = 0;
  size_t metadata_bytes = 0;  ///< header and FlatBuffer, from the first byte on
  const uint8_t* segments = nullptr;
  size_t segment_bytes = 0;
};

/// Checks size, identifier, header and checksum, not the FlatBuffer. `bytes` must be aligned to 8.
/// Errors: invalid_argument (alignment), not_a_model, truncated, version_too_new, checksum,
/// malformed, limit.
Status OpenFrame(const void* bytes, size_t size, const FrameKind& kind, Frame* out);

/// Whether the bytes carry the identifier.
bool HasIdentifier(const void* bytes, size_t size, const char* identifier);

}  // namespace lutra
