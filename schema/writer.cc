#include "schema/writer.h"

#include <algorithm>
#include <stdexcept>

#include "schema/frame_writer.h"
#include "schema/limits.h"

namespace lutra {
namespace {

size_t RoundUp(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

bool HasCurve(const schema::OperatorT& op) {
  const auto* conv = op.options.AsConv();
  const auto* linear = op.options.AsLinear();
  return (conv != nullptr && conv->curve != nullptr) ||
         (linear != nullptr && linear->curve != nullptr);
}

bool IsWide(const schema::OperatorT& op) {
  const auto* conv = op.options.AsConv();
  const auto* linear = op.options.AsLinear();
  return (conv != nullptr && conv->compute == schema::Compute::wide) ||
         (linear != nullptr && linear->compute == schema::Compute::wide);
}

// The weights of an operator, null if it has none.
const schema::WeightsT* WeightsOf(const schema::OperatorT& op) {
  if (const auto* conv = op.options.AsConv()) return conv->weights.get();
  if (const auto* linear = op.options.AsLinear()) return linear->weights.get();
  return nullptr;
}

// Whether each of the tables holds 0. (Tables cut short are the validation's business.)
bool HoldZeros(std::span<const uint8_t> tables, unsigned bits) {
  const size_t entries = size_t{1} << (bits & 15U);
  for (size_t table = 0; table + entries <= tables.size(); table += entries) {
    const std::span<const uint8_t> one = tables.subspan(table, entries);
    if (std::ranges::find(one, uint8_t{0}) == one.end()) return false;
  }
  return true;
}

}  // namespace

uint16_t ModelWriter::RuntimeVersion() const {
  uint16_t version = 1;
  for (const auto& tensor : model.tensors) {
    if (tensor->type > schema::TensorType::int8) version = 9;
  }
  for (const auto& op : model.operators) {
    const auto* unary = op->options.AsUnary();
    const bool later = op->options.type >= schema::Options::Cast ||
                       (unary != nullptr && unary->kind > schema::UnaryKind::log_sigmoid);
    if (later) version = std::max<uint16_t>(version, 9);
    if (HasCurve(*op)) version = std::max<uint16_t>(version, 10);
    if (IsWide(*op)) version = 11;
    const schema::WeightsT* weights = WeightsOf(*op);
    if (weights == nullptr) continue;
    if (weights->short_bias || weights->one_scale) version = std::max<uint16_t>(version, 6);
    if (weights->group != 0) version = std::max<uint16_t>(version, 8);
    if (weights->values < blobs_.size()) {
      const Blob& values = blobs_[weights->values];
      const size_t most = kFreeCodedWeights + values.stream.size() * kMaxWeightsPerCodedByte;
      const bool coded = values.encoding != schema::Encoding::raw;
      if (coded && values.bytes.size() * 8 > most * weights->bits)
        version = std::max<uint16_t>(version, 7);
    }
    if (weights->kind != schema::WeightKind::codebook) continue;
    const size_t tables = weights->codebook;
    const bool zeros = tables >= blobs_.size() || HoldZeros(blob(tables), weights->bits);
    version = std::max<uint16_t>(version, zeros ? 2 : 4);
  }
  for (const Blob& blob : blobs_) {
    if (blob.encoding == schema::Encoding::raw) continue;
    version = std::max<uint16_t>(version, blob.encoding == schema::Encoding::best ? 5 : 3);
  }
  return version;
}

uint16_t ModelWriter::AddBlob(std::span<const uint8_t> bytes) {
  const auto same = std::find_if(blobs_.begin(), blobs_.end(), [&](const auto& blob) {
    return std::equal(blob.bytes.begin(), blob.bytes.end(), bytes.begin(), bytes.end());
  });
  const auto index = static_cast<size_t>(same - blobs_.begin());
  if (same == blobs_.end()) {
    if (index == kMaxBlobs) throw std::length_error("more blobs than a model file can hold");
    blobs_.emplace_back().bytes.assign(bytes.begin(), bytes.end());
  }
  return static_cast<uint16_t>(index);
}

void ModelWriter::SetBlob(size_t index, std::vector<uint8_t> bytes) {
  blobs_[index].bytes = std::move(bytes);
}

void ModelWriter::SetEncoded(size_t index, schema::Encoding encoding, std::vector<uint8_t> stream) {
  blobs_[index].encoding = encoding;
  blobs_[index].stream = std::move(stream);
}

std::vector<uint8_t> ModelWriter::Finish() {
  std::vector<size_t> order(blobs_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_partition(order.begin(), order.end(),
                        [&](size_t i) { return blobs_[i].stored().size() >= kLargeBlobBytes; });

  std::vector<uint8_t> segments;
  model.blobs.resize(blobs_.size());
  for (const size_t i : order) {
    const std::vector<uint8_t>& blob = blobs_[i].stored();
    const size_t offset = RoundUp(
        segments.size(), blob.size() >= kLargeBlobBytes ? kSegmentAlignment : kBlobAlignment);
    if (offset + blob.size() > UINT32_MAX) {
      throw std::length_error("more than 4 GB of weights do not fit a model file");
    }
    segments.resize(offset);
    segments.insert(segments.end(), blob.begin(), blob.end());
    model.blobs[i] =
        schema::Blob(static_cast<uint32_t>(offset), static_cast<uint32_t>(blob.size()),
                     static_cast<uint32_t>(blobs_[i].bytes.size()), blobs_[i].encoding);
  }

  if (model.format_version == 0) model.format_version = kFormatVersion;
  if (model.min_runtime_version == 0) model.min_runtime_version = RuntimeVersion();
  if (model.numerics_version == 0) model.numerics_version = kNumericsVersion;

  flatbuffers::FlatBufferBuilder builder;
  schema::FinishModelBuffer(builder, schema::Model::Pack(builder, &model));
  const std::span<const uint8_t> tables(builder.GetBufferPointer(), builder.GetSize());

  return WriteFrame(tables, segments, kFormatVersion);
}

}  // namespace lutra
