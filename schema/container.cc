// A model is a frame (frame.h) whose root the FlatBuffers verifier accepts: every table reachable
// through its accessors then lies inside the metadata.
#include "schema/container.h"

#include "schema/frame.h"
#include "schema/limits.h"

namespace lutra {

Status OpenContainer(const void* bytes, size_t size, ModelView* out) {
  *out = ModelView();
  if (HasIdentifier(bytes, size, kArchiveIdentifier)) {
    return Status::Error(Code::not_a_model,
                         "not a model but an archive of weights without a graph: lutra decompress "
                         "restores them");
  }
  const FrameKind kind{schema::ModelIdentifier(), "model", kFormatVersion};
  Frame frame;
  LUTRA_RETURN_IF_ERROR(OpenFrame(bytes, size, kind, &frame));
  flatbuffers::Verifier verifier(frame.bytes, frame.metadata_bytes);
  if (!schema::VerifyModelBuffer(verifier)) {
    return Status::Error(Code::malformed, "the metadata is not a well-formed FlatBuffer");
  }
  out->model = schema::GetModel(frame.bytes);
  out->segments = frame.segments;
  out->segment_bytes = frame.segment_bytes;
  return Status();
}

}  // namespace lutra
