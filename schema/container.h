// The bytes around the FlatBuffers root: identifier, fixed header, checksum, segments.
// docs/model_format.md is the specification.
//
//   0  uint32  FlatBuffers root offset          4  "LUTR"
//   8  uint16  header bytes (64)               10  uint16  format version (1)
//  12  uint32  CRC-32C of the whole file, this field taken as 0
//  16  uint32  metadata bytes (header and FlatBuffer), 20  uint32  segment base
//  24  uint64  total bytes of the file         32..63 zero
//
// Blob offsets count from the segment base, which is a multiple of 64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model_generated.h"  // generated from model.fbs at build time
#include "schema/status.h"

namespace lutra {

/// A file whose header, checksum and FlatBuffers structure hold. Borrows the bytes. Fields must
/// still pass Validate (validate.h) before they are believed.
struct ModelView {
  const schema::Model* model = nullptr;
  const uint8_t* segments = nullptr;
  size_t segment_bytes = 0;

  const uint8_t* Blob(size_t index) const {
    return segments + model->blobs()->Get(static_cast<flatbuffers::uoffset_t>(index))->offset();
  }
  /// As they are stored.
  size_t BlobBytes(size_t index) const {
    return model->blobs()->Get(static_cast<flatbuffers::uoffset_t>(index))->stored_bytes();
  }
  size_t DecodedBytes(size_t index) const {
    return model->blobs()->Get(static_cast<flatbuffers::uoffset_t>(index))->decoded_bytes();
  }
  schema::Encoding BlobEncoding(size_t index) const {
    return model->blobs()->Get(static_cast<flatbuffers::uoffset_t>(index))->encoding();
  }
  /// Whether the blob is what its user reads.
  bool IsRaw(size_t index) const { return BlobEncoding(index) == schema::Encoding::raw; }
};

/// Checks size, identifier, header, checksum, then runs the FlatBuffers verifier. `bytes` must be
/// aligned to 8, as memory from malloc and mappings is: tables and blobs are read in place.
/// Errors: invalid_argument (alignment), not_a_model, truncated, version_too_new, checksum,
/// malformed, limit.
Status OpenContainer(const void* bytes, size_t size, ModelView* out);

/// Where the header keeps the checksum, and the checksum of a whole file of at least 64 bytes.
constexpr size_t kChecksumOffset = 12;
uint32_t FileChecksum(const uint8_t* bytes, size_t size);

/// CRC-32C (Castagnoli), table driven; `seed` continues an earlier value.
uint32_t Crc32c(const void* bytes, size_t size, uint32_t seed = 0);

}  // namespace lutra
