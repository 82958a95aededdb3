// Fields of the model itself: versions, counts against the limits, blobs, names.
#include <cinttypes>

#include "schema/validate/checks.h"

namespace lutra::validate {
namespace {

Status CheckVersions(const schema::Model& model) {
  if (model.format_version() != kFormatVersion) {
    return Status::Error(Code::malformed, "format version %u in a file of version %u",
                         model.format_version(), kFormatVersion);
  }
  if (model.min_runtime_version() > kRuntimeVersion) {
    return Status::Error(Code::version_too_new,
                         "needs runtime version %u, this is %u: update the runtime",
                         model.min_runtime_version(), kRuntimeVersion);
  }
  if (model.numerics_version() > kNumericsVersion) {
    return Status::Error(Code::version_too_new,
                         "needs numerics version %u, this runtime has %u: update the runtime",
                         model.numerics_version(), kNumericsVersion);
  }
  if (model.min_runtime_version() == 0 || model.numerics_version() == 0) {
    return Status::Error(Code::malformed, "runtime or numerics version 0");
  }
  return Status();
}

template <typename T>
Status CheckCount(const flatbuffers::Vector<T>* items, const char* what, size_t least,
                  size_t most) {
  const size_t count = items == nullptr ? 0 : items->size();
  if (count < least) return Status::Error(Code::malformed, "the model has no %s", what);
  if (count > most) {
    return Status::Error(Code::limit, "%zu %s, at most %zu are supported", count, what, most);
  }
  return Status();
}

Status CheckBlob(const ModelView& view, const Subject& subject, const schema::Blob& blob) {
  const uint64_t offset = blob.offset();
  const uint64_t stored = blob.stored_bytes();
  if (blob.encoding() > schema::Encoding::MAX) {
    return subject.Fail(Code::malformed, "unknown encoding %u",
                        static_cast<unsigned>(blob.encoding()));
  }
  if (offset > view.segment_bytes || stored > view.segment_bytes - offset) {
    return subject.Fail(Code::malformed, "bytes %" PRIu64 "..%" PRIu64 " of segments of %zu bytes",
                        offset, offset + stored, view.segment_bytes);
  }
  const size_t alignment = stored >= kLargeBlobBytes ? kSegmentAlignment : kBlobAlignment;
  if (offset % alignment != 0) {
    return subject.Fail(Code::malformed, "offset %" PRIu64 " is not a multiple of %zu", offset,
                        alignment);
  }
  if (blob.encoding() == schema::Encoding::raw && blob.decoded_bytes() != stored) {
    return subject.Fail(Code::malformed, "%u decoded bytes of %" PRIu64 " raw ones",
                        blob.decoded_bytes(), stored);
  }
  return Status();
}

}  // namespace

Status CheckModelFields(Facts& facts) {
  const schema::Model& model = facts.model;
  LUTRA_RETURN_IF_ERROR(CheckVersions(model));
  LUTRA_RETURN_IF_ERROR(CheckCount(model.tensors(), "tensors", 1, kMaxTensors));
  LUTRA_RETURN_IF_ERROR(CheckCount(model.blobs(), "blobs", 0, kMaxBlobs));
  LUTRA_RETURN_IF_ERROR(CheckCount(model.operators(), "operators", 1, kMaxOperators));
  LUTRA_RETURN_IF_ERROR(CheckCount(model.inputs(), "inputs", 1, kMaxPorts));
  LUTRA_RETURN_IF_ERROR(CheckCount(model.outputs(), "outputs", 1, kMaxPorts));
  if (model.arena_bytes() > kMaxArenaBytes) {
    return Status::Error(Code::limit, "an arena of %u bytes per sample", model.arena_bytes());
  }
  LUTRA_RETURN_IF_ERROR(CheckName(model.name(), {"model", 0}));
  LUTRA_RETURN_IF_ERROR(CheckName(model.producer(), {"producer", 0}));
  for (size_t i = 0; i < facts.blobs(); ++i) {
    LUTRA_RETURN_IF_ERROR(CheckBlob(facts.view, {"blob", i},
                                    *model.blobs()->Get(static_cast<flatbuffers::uoffset_t>(i))));
  }
  return Status();
}

}  // namespace lutra::validate
