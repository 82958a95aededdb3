// Fields of every tensor: enums, shape, byte size, quantization, blob or place in the arena. What
// takes several tensors (who writes them, who overlaps) is checked in plan.cc.
#include "schema/validate/checks.h"

namespace lutra::validate {
namespace {

/// Shape, element count and byte size. Dimensions are at most 2^26 and the product is compared with
/// the limit after each, so nothing overflows.
Status ReadShape(const schema::Tensor& source, const Subject& subject, TensorFacts* out) {
  const size_t rank = source.shape() == nullptr ? 0 : source.shape()->size();
  if (rank < 1 || rank > kMaxRank) {
    return subject.Fail(Code::malformed, "%zu dimensions, 1 to %zu are allowed", rank, kMaxRank);
  }
  out->shape.rank = rank;
  out->elements = 1;
  for (size_t d = 0; d < rank; ++d) {
    const int32_t size = source.shape()->Get(static_cast<flatbuffers::uoffset_t>(d));
    if (size < 1) return subject.Fail(Code::malformed, "dimension %zu is %d", d, size);
    if (size > kMaxDimension) {
      return subject.Fail(Code::limit, "dimension %zu is %d, at most %d is supported", d, size,
                          kMaxDimension);
    }
    out->shape.d[d] = size;
    out->elements *= static_cast<uint64_t>(size);
    if (out->elements > kMaxTensorBytes / out->element_bytes()) {
      return subject.Fail(Code::limit, "more than %llu bytes",
                          static_cast<unsigned long long>(kMaxTensorBytes));
    }
  }
  out->bytes = out->elements * out->element_bytes();
  return Status();
}

Status CheckBooleans(Facts& facts, const Subject& subject, const TensorFacts& tensor) {
  LUTRA_RETURN_IF_ERROR(facts.Spend(tensor.elements));
  const uint8_t* bytes = facts.view.Blob(tensor.blob);
  for (uint64_t i = 0; i < tensor.elements; ++i) {
    if (bytes[i] > 1) {
      return subject.Fail(Code::malformed, "element %llu of bool is %u",
                          static_cast<unsigned long long>(i), bytes[i]);
    }
  }
  return Status();
}

Status CheckConstant(Facts& facts, const Subject& subject, const TensorFacts& tensor) {
  if (tensor.blob >= facts.blobs()) {
    return subject.Fail(Code::malformed, "blob %u of %zu", tensor.blob, facts.blobs());
  }
  if (const size_t held = facts.view.DecodedBytes(tensor.blob); held != tensor.bytes) {
    return subject.Fail(Code::malformed, "%llu bytes, blob %u has %zu",
                        static_cast<unsigned long long>(tensor.bytes), tensor.blob, held);
  }
  if (!facts.view.IsRaw(tensor.blob)) {
    return subject.Fail(Code::malformed, "blob %u is entropy coded, which only weights may be",
                        tensor.blob);
  }
  if (tensor.inside != kNoIndex) {
    return subject.Fail(Code::malformed, "a constant inside another tensor");
  }
  if (tensor.type == schema::TensorType::bool_) return CheckBooleans(facts, subject, tensor);
  return Status();
}

Status CheckPlace(const Facts& facts, const Subject& subject, const TensorFacts& tensor) {
  if (tensor.inside != kNoIndex) {
    if (tensor.inside >= facts.tensors.size() || tensor.inside == subject.index) {
      return subject.Fail(Code::malformed, "inside tensor %u of %zu", tensor.inside,
                          facts.tensors.size());
    }
    return Status();
  }
  if (tensor.arena_offset % kArenaAlignment != 0) {
    return subject.Fail(Code::malformed, "arena offset %u is not a multiple of %zu",
                        tensor.arena_offset, kArenaAlignment);
  }
  if (tensor.arena_offset + tensor.bytes > facts.model.arena_bytes()) {
    return subject.Fail(Code::malformed, "bytes %u..%llu of an arena of %u", tensor.arena_offset,
                        static_cast<unsigned long long>(tensor.arena_offset + tensor.bytes),
                        facts.model.arena_bytes());
  }
  return Status();
}

Status ReadTensor(Facts& facts, const schema::Tensor& source, const Subject& subject,
                  TensorFacts* out) {
  if (source.type() > schema::TensorType::MAX) {
    return subject.Fail(Code::malformed, "unknown type %u", static_cast<unsigned>(source.type()));
  }
  if (source.lifetime() > schema::Lifetime::MAX) {
    return subject.Fail(Code::malformed, "unknown lifetime %u",
                        static_cast<unsigned>(source.lifetime()));
  }
  out->type = source.type();
  out->lifetime = source.lifetime();
  out->scale = source.scale();
  out->zero_point = source.zero_point();
  out->arena_offset = source.arena_offset();
  out->inside = source.inside();
  out->blob = source.blob();
  LUTRA_RETURN_IF_ERROR(CheckName(source.name(), subject));
  if (source.name() != nullptr) out->name = source.name()->c_str();
  LUTRA_RETURN_IF_ERROR(ReadShape(source, subject, out));
  if (IsQuantized(out->type) && !IsScale(out->scale)) {
    return subject.Fail(Code::malformed, "scale %g is not finite, normal and positive",
                        static_cast<double>(out->scale));
  }
  return out->is_constant() ? CheckConstant(facts, subject, *out)
                            : CheckPlace(facts, subject, *out);
}

/// A part of an in-place concat has its whole's type and outer dimensions; the whole is dense.
Status CheckPart(const Facts& facts, const Subject& subject) {
  const TensorFacts& part = facts.tensors[subject.index];
  const TensorFacts& whole = facts.tensors[part.inside];
  bool alike = whole.type == part.type && whole.shape.rank == part.shape.rank;
  for (size_t d = 0; alike && d + 1 < part.shape.rank; ++d) {
    alike = whole.shape.d[d] == part.shape.d[d];
  }
  if (!alike || whole.inside != kNoIndex || part.lifetime != schema::Lifetime::transient ||
      whole.lifetime != schema::Lifetime::transient) {
    return subject.Fail(Code::malformed, "cannot be a part of tensor %u %s", part.inside,
                        DimsText(whole.shape).text);
  }
  return Status();
}

}  // namespace

Status CheckTensors(Facts& facts) {
  for (size_t i = 0; i < facts.tensors.size(); ++i) {
    const schema::Tensor& source =
        *facts.model.tensors()->Get(static_cast<flatbuffers::uoffset_t>(i));
    LUTRA_RETURN_IF_ERROR(ReadTensor(facts, source, {"tensor", i}, &facts.tensors[i]));
  }
  for (size_t i = 0; i < facts.tensors.size(); ++i) {
    if (facts.tensors[i].inside != kNoIndex) LUTRA_RETURN_IF_ERROR(CheckPart(facts, {"tensor", i}));
  }
  return Status();
}

}  // namespace lutra::validate
