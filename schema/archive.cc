#include "schema/archive.h"

#include "schema/container.h"
#include "schema/frame.h"
#include "schema/limits.h"

namespace lutra {
namespace {

// Deflate makes at most 1032 bytes of one; more is a lie about the size.
constexpr uint64_t kMaxInflation = 1032;

Status CheckFields(const schema::Archive& archive, uint16_t header_version) {
  if (archive.format_version() != header_version) {
    return Status::Error(Code::malformed, "archive version %u differs from the header's",
                         archive.format_version());
  }
  if (archive.contents() == nullptr || archive.contents()->size() == 0) {
    return Status::Error(Code::malformed, "the archive has no contents");
  }
  if (archive.contents_bytes() > kMaxMetadataBytes) {
    return Status::Error(Code::limit, "%u bytes of contents, at most %u are supported",
                         archive.contents_bytes(), kMaxMetadataBytes);
  }
  if (archive.contents_bytes() > kMaxInflation * archive.contents()->size()) {
    return Status::Error(Code::malformed, "%u bytes cannot be the contents of %u",
                         archive.contents()->size(), archive.contents_bytes());
  }
  return Status();
}

}  // namespace

Status OpenArchive(const void* bytes, size_t size, ArchiveView* out) {
  *out = ArchiveView();
  if (HasIdentifier(bytes, size, schema::ModelIdentifier())) {
    return Status::Error(Code::not_a_model,
                         "a model, not an archive of weights: its weights cannot be restored");
  }
  Frame frame;
  LUTRA_RETURN_IF_ERROR(
      OpenFrame(bytes, size, {kArchiveIdentifier, "archive", kArchiveFormatVersion}, &frame));
  flatbuffers::Verifier verifier(frame.bytes, frame.metadata_bytes);
  if (!schema::VerifyArchiveBuffer(verifier)) {
    return Status::Error(Code::malformed, "the metadata is not a well-formed FlatBuffer");
  }
  const schema::Archive* archive = schema::GetArchive(frame.bytes);
  LUTRA_RETURN_IF_ERROR(CheckFields(*archive, frame.format_version));
  out->archive = archive;
  out->segments = frame.segments;
  out->segment_bytes = frame.segment_bytes;
  return Status();
}

}  // namespace lutra
