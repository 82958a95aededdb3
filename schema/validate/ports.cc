// Inputs and outputs of the model, and the records about it (certificate, golden check).
#include "schema/validate/checks.h"

namespace lutra::validate {
namespace {

using Ports = flatbuffers::Vector<flatbuffers::Offset<schema::Port>>;

Status CheckPortName(const Subject& subject, const Ports& ports) {
  const flatbuffers::String* name =
      ports.Get(static_cast<flatbuffers::uoffset_t>(subject.index))->name();
  if (name == nullptr || name->size() == 0) return subject.Fail(Code::malformed, "has no name");
  LUTRA_RETURN_IF_ERROR(CheckName(name, subject));
  for (size_t i = 0; i < subject.index; ++i) {
    if (ports.Get(static_cast<flatbuffers::uoffset_t>(i))->name()->string_view() ==
        name->string_view()) {
      return subject.Fail(Code::malformed, "has the name of %s %zu, \"%.80s\"", subject.kind, i,
                          name->c_str());
    }
  }
  return Status();
}

/// Port dimension i is tensor dimension permutation[i]; a scalar has none, its tensor is [1].
Status CheckPortShape(const Facts& facts, const Subject& subject, const schema::Port& port,
                      const Dims& shape) {
  const size_t rank = port.shape() == nullptr ? 0 : port.shape()->size();
  const size_t permuted = port.permutation() == nullptr ? 0 : port.permutation()->size();
  const bool scalar = rank == 0 && shape.rank == 1 && shape.d[0] == 1;
  if ((rank != shape.rank && !scalar) || (permuted != 0 && permuted != rank)) {
    return subject.Fail(Code::malformed,
                        "%zu dimensions and a permutation of %zu for a tensor of %zu", rank,
                        permuted, shape.rank);
  }
  unsigned seen = 0;
  for (size_t i = 0; i < rank; ++i) {
    const auto at = static_cast<flatbuffers::uoffset_t>(i);
    const size_t d = permuted == 0 ? i : port.permutation()->Get(at);
    if (d >= rank || (seen >> d & 1) != 0)
      return subject.Fail(Code::malformed, "the permutation is none");
    seen |= 1U << d;
    if (port.shape()->Get(at) != shape.d[d]) {
      return subject.Fail(Code::malformed, "dimension %zu is %d, the tensor has %lld", i,
                          port.shape()->Get(at), static_cast<long long>(shape.d[d]));
    }
    if (facts.model.batchable() && i == 0 && d != 0) {
      return subject.Fail(Code::malformed,
                          "the permutation moves dimension 0 of a batchable model");
    }
  }
  return Status();
}

Status CheckPixelTable(const Facts& facts, const Subject& subject, const schema::Port& port,
                       const TensorFacts& tensor, bool is_input) {
  if (port.pixel_table() == kNoIndex) {
    const bool pixels = IsQuantized(tensor.type) && port.preferred() == schema::TensorType::uint8;
    if (pixels && is_input) return subject.Fail(Code::malformed, "uint8 without pixel table");
    return Status();
  }
  if (!is_input || tensor.type != schema::TensorType::int8)
    return subject.Fail(Code::malformed, "a pixel table is for int8 inputs only");
  if (port.pixel_table() >= facts.blobs() || !facts.view.IsRaw(port.pixel_table()) ||
      facts.view.BlobBytes(port.pixel_table()) !=
          static_cast<uint64_t>(tensor.shape.last()) * 256) {
    return subject.Fail(Code::malformed,
                        "the pixel table is not a blob of 256 entries for each of %lld channels",
                        static_cast<long long>(tensor.shape.last()));
  }
  return Status();
}

/// Its own type, float32 of real numbers, and bytes of int8.
bool MayPrefer(schema::TensorType preferred, schema::TensorType type) {
  return preferred == type || (preferred == schema::TensorType::float32 && HoldsReals(type)) ||
         (preferred == schema::TensorType::uint8 && type == schema::TensorType::int8);
}

Status CheckPort(Facts& facts, const Subject& subject, const Ports& ports, bool is_input) {
  const schema::Port& port = *ports.Get(static_cast<flatbuffers::uoffset_t>(subject.index));
  LUTRA_RETURN_IF_ERROR(CheckPortName(subject, ports));
  if (port.tensor() >= facts.tensors.size()) {
    return subject.Fail(Code::malformed, "tensor %u of %zu", port.tensor(), facts.tensors.size());
  }
  const TensorFacts& tensor = facts.tensors[port.tensor()];
  if (tensor.lifetime != schema::Lifetime::transient || tensor.inside != kNoIndex) {
    return subject.Fail(Code::malformed, "tensor %u is not transient and dense", port.tensor());
  }
  LUTRA_RETURN_IF_ERROR(CheckPortShape(facts, subject, port, tensor.shape));
  if (!MayPrefer(port.preferred(), tensor.type)) {
    return subject.Fail(Code::malformed, "preferred type %u does not fit the tensor",
                        static_cast<unsigned>(port.preferred()));
  }
  return CheckPixelTable(facts, subject, port, tensor, is_input);
}

}  // namespace

Status CheckPorts(Facts& facts) {
  const Ports& inputs = *facts.model.inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    LUTRA_RETURN_IF_ERROR(CheckPort(facts, {"input", i}, inputs, true));
  }
  const Ports& outputs = *facts.model.outputs();
  for (size_t i = 0; i < outputs.size(); ++i) {
    LUTRA_RETURN_IF_ERROR(CheckPort(facts, {"output", i}, outputs, false));
  }
  return Status();
}

Status CheckRecords(Facts& facts) {
  if (const schema::Certificate* certificate = facts.model.certificate(); certificate != nullptr) {
    LUTRA_RETURN_IF_ERROR(CheckName(certificate->metric(), {"certificate", 0}));
    const size_t layers =
        certificate->layer_sqnr_db() == nullptr ? 0 : certificate->layer_sqnr_db()->size();
    if (layers != 0 && layers != facts.operators()) {
      return Status::Error(Code::malformed, "the certificate has %zu layers for %zu operators",
                           layers, facts.operators());
    }
  }
  if (const schema::GoldenCheck* golden = facts.model.golden(); golden != nullptr) {
    const size_t crcs = golden->output_crc() == nullptr ? 0 : golden->output_crc()->size();
    if (crcs != facts.model.outputs()->size()) {
      return Status::Error(Code::malformed, "the golden check has %zu sums for %u outputs", crcs,
                           facts.model.outputs()->size());
    }
  }
  return Status();
}

}  // namespace lutra::validate
