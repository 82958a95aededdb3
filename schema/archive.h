// Opens the file of an archive: the same frame as a model's, another identifier and root.
#pragma once

#include "archive_generated.h"  // generated from archive.fbs at build time
#include "schema/status.h"

namespace lutra {

/// An archive whose header, checksum and FlatBuffers structure hold, and whose contents have sound
/// sizes. Borrows the bytes. What the contents say is checked by who inflates them.
struct ArchiveView {
  const schema::Archive* archive = nullptr;
  const uint8_t* segments = nullptr;
  size_t segment_bytes = 0;
};

/// Errors as OpenContainer's (container.h); a model is not_a_model here.
Status OpenArchive(const void* bytes, size_t size, ArchiveView* out);

}  // namespace lutra
