// See checks.h.
#include "schema/validate/checks.h"

#include <cmath>
#include <cstdio>

#include "base/utf8.h"

namespace lutra::validate {

DimsText::DimsText(const Dims& dims) {
  size_t used = 0;
  text[used++] = '[';
  for (size_t i = 0; i < dims.rank; ++i) {
    used += static_cast<size_t>(std::snprintf(text + used, sizeof text - used,
                                              i == 0 ? "%lld" : ",%lld",
                                              static_cast<long long>(dims.d[i])));
  }
  text[used++] = ']';
  text[used] = '\0';
}

Status Subject::FailList(Code code, const char* format, va_list arguments) const {
  char text[Status::kMessageBytes];
  std::vsnprintf(text, sizeof text, format, arguments);
  return detail == nullptr ? Status::Error(code, "%s %zu: %s", kind, index, text)
                           : Status::Error(code, "%s %zu (%s): %s", kind, index, detail, text);
}

Status Subject::Fail(Code code, const char* format, ...) const {
  va_list arguments;
  va_start(arguments, format);
  const Status status = FailList(code, format, arguments);
  va_end(arguments);
  return status;
}

Status Facts::Spend(uint64_t count) {
  const uint64_t budget = kValidationSteps + kValidationStepsPerByte * view.segment_bytes;
  if (count > budget || steps > budget - count) {
    return Status::Error(Code::limit, "checking the model takes more than %llu steps",
                         static_cast<unsigned long long>(budget));
  }
  steps += count;
  return Status();
}

bool IsScale(float value) { return std::isnormal(value) && value > 0; }

Status CheckName(const flatbuffers::String* name, const Subject& subject) {
  if (name == nullptr) return Status();
  if (name->size() > kMaxNameBytes) {
    return subject.Fail(Code::limit, "a name of %u bytes, at most %zu are supported", name->size(),
                        kMaxNameBytes);
  }
  if (!IsPrintableUtf8({name->c_str(), name->size()})) {
    return subject.Fail(Code::malformed, "the name is not printable UTF-8");
  }
  return Status();
}

const TensorFacts& OperatorUse::In(size_t i) const {
  return facts_.tensors[op_.inputs()->Get(static_cast<flatbuffers::uoffset_t>(i))];
}

const TensorFacts& OperatorUse::Out(size_t i) const {
  return facts_.tensors[op_.outputs()->Get(static_cast<flatbuffers::uoffset_t>(i))];
}

Status OperatorUse::Fail(const char* format, ...) const {
  va_list arguments;
  va_start(arguments, format);
  const Status status = subject_.FailList(Code::malformed, format, arguments);
  va_end(arguments);
  return status;
}

Status OperatorUse::FailLimit(const char* format, ...) const {
  va_list arguments;
  va_start(arguments, format);
  const Status status = subject_.FailList(Code::limit, format, arguments);
  va_end(arguments);
  return status;
}

Status OperatorUse::WantInputs(size_t count) const {
  if (inputs() == count) return Status();
  return Fail("%zu inputs instead of %zu", inputs(), count);
}

Status OperatorUse::WantType(const TensorFacts& tensor, schema::TensorType type) const {
  if (tensor.type == type) return Status();
  const bool output = &tensor == &Out();
  return Fail("%s is %s instead of %s", output ? "the output" : "an input", TypeName(tensor.type),
              TypeName(type));
}

Status OperatorUse::WantReal(const TensorFacts& tensor, const char* what) const {
  if (tensor.type == schema::TensorType::float32 || tensor.type == schema::TensorType::int8) {
    return Status();
  }
  return Fail("%s is %s; it takes float32 and int8", what, TypeName(tensor.type));
}

Status OperatorUse::WantRealTypes() const {
  for (const uint16_t input : *op_.inputs()) {
    LUTRA_RETURN_IF_ERROR(WantReal(facts_.tensors[input], "an input"));
  }
  for (const uint16_t output : *op_.outputs()) {
    LUTRA_RETURN_IF_ERROR(WantReal(facts_.tensors[output], "an output"));
  }
  return Status();
}

Status OperatorUse::WantOneType() const {
  for (size_t i = 0; i < inputs(); ++i) {
    LUTRA_RETURN_IF_ERROR(WantType(In(i), Out().type));
  }
  return Status();
}

Status OperatorUse::WantOneQuantization() const {
  if (!IsQuantized(Out().type)) return Status();
  for (size_t i = 0; i < inputs(); ++i) {
    if (In(i).scale != Out().scale || In(i).zero_point != Out().zero_point) {
      return Fail("input %zu and the output differ in scale or zero point", i);
    }
  }
  return Status();
}

Status OperatorUse::WantOutputShape(const Dims& shape, size_t output) const {
  const Dims& out = Out(output).shape;
  bool same = out.rank == shape.rank;
  for (size_t i = 0; same && i < shape.rank; ++i) same = out.d[i] == shape.d[i];
  if (same) return Status();
  return Fail("the output's shape is %s instead of %s", DimsText(out).text, DimsText(shape).text);
}

Status OperatorUse::WantMultiplier(float multiplier, const char* name) const {
  if (IsScale(multiplier)) return Status();
  return Fail("%s %g is not finite, normal and positive", name, static_cast<double>(multiplier));
}

Status OperatorUse::WantRange(const schema::IntRange* range, bool allowed) const {
  if (range == nullptr) return Status();
  if (!allowed) return Fail("an integer range on an operator that takes none");
  if (range->lo() > range->hi()) return Fail("range %d..%d is empty", range->lo(), range->hi());
  return Status();
}

Status OperatorUse::WantRange(const schema::FloatRange* range, bool allowed) const {
  if (range == nullptr) return Status();
  if (!allowed) return Fail("a float range on an operator that takes none");
  if (!(range->lo() <= range->hi())) {
    return Fail("range %g..%g is empty", static_cast<double>(range->lo()),
                static_cast<double>(range->hi()));
  }
  return Status();
}

Status OperatorUse::WantBlob(size_t blob, uint64_t bytes, const char* what) const {
  LUTRA_RETURN_IF_ERROR(WantSize(blob, bytes, what));
  if (facts_.view.IsRaw(blob)) return Status();
  return Fail("%s are in blob %zu, which is entropy coded, as only weights may be", what, blob);
}

Status OperatorUse::WantWeights(size_t blob, uint64_t bytes, uint64_t count) const {
  LUTRA_RETURN_IF_ERROR(WantSize(blob, bytes, "weights"));
  if (facts_.view.IsRaw(blob)) return Status();
  const uint64_t stored = facts_.view.BlobBytes(blob);
  const uint64_t each = facts_.view.BlobEncoding(blob) == schema::Encoding::best
                            ? kMaxWeightsPerBestByte
                            : kMaxWeightsPerCodedByte;
  if (count <= kFreeCodedWeights + stored * each && count <= kMaxCodedWeights) {
    return Status();
  }
  return FailLimit("%llu coded weights in %llu bytes of blob %zu",
                   static_cast<unsigned long long>(count), static_cast<unsigned long long>(stored),
                   blob);
}

Status OperatorUse::WantSize(size_t blob, uint64_t bytes, const char* what) const {
  if (blob >= facts_.blobs()) {
    return Fail("%s are in blob %zu of %zu", what, blob, facts_.blobs());
  }
  if (const uint64_t held = facts_.view.DecodedBytes(blob); held != bytes) {
    return Fail("%s take %llu bytes, blob %zu has %llu", what,
                static_cast<unsigned long long>(bytes), blob,
                static_cast<unsigned long long>(held));
  }
  return Status();
}

Status OperatorUse::WantSamplesApart(bool apart) const {
  if (apart || !facts_.model.batchable()) return Status();
  return Fail("mixes the samples of a batch in a model that is batchable");
}

}  // namespace lutra::validate
