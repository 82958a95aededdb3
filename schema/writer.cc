// Writing is the reverse of container.cc. The FlatBuffers builder leaves [root offset][identifier]
// in front of the tables; the rest of the header is inserted behind these eight bytes and the root
// offset grows by as much. All other offsets are relative, and 56 keeps the alignment of 8.
#include "schema/writer.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "schema/limits.h"

namespace lutra {
namespace {

constexpr size_t kRootBytes = 8;

size_t RoundUp(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

template <typename T>
void Put(std::span<uint8_t> file, size_t offset, T value) {
  value = flatbuffers::EndianScalar(value);
  std::memcpy(file.data() + offset, &value, sizeof value);
}

}  // namespace

uint16_t ModelWriter::AddBlob(std::span<const uint8_t> bytes) {
  const auto same = std::find_if(blobs_.begin(), blobs_.end(), [&](const auto& blob) {
    return std::equal(blob.begin(), blob.end(), bytes.begin(), bytes.end());
  });
  const auto index = static_cast<size_t>(same - blobs_.begin());
  if (same == blobs_.end()) {
    if (index == kMaxBlobs) throw std::length_error("more blobs than a model file can hold");
    blobs_.emplace_back(bytes.begin(), bytes.end());
  }
  return static_cast<uint16_t>(index);
}

std::vector<uint8_t> ModelWriter::Finish() {
  std::vector<size_t> order(blobs_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_partition(order.begin(), order.end(),
                        [&](size_t i) { return blobs_[i].size() >= kLargeBlobBytes; });

  std::vector<uint8_t> segments;
  model.blobs.resize(blobs_.size());
  for (const size_t i : order) {
    const std::vector<uint8_t>& blob = blobs_[i];
    const size_t offset = RoundUp(
        segments.size(), blob.size() >= kLargeBlobBytes ? kSegmentAlignment : kBlobAlignment);
    if (offset + blob.size() > UINT32_MAX) {
      throw std::length_error("more than 4 GB of weights do not fit a model file");
    }
    segments.resize(offset);
    segments.insert(segments.end(), blob.begin(), blob.end());
    const auto bytes = static_cast<uint32_t>(blob.size());
    model.blobs[i] =
        schema::Blob(static_cast<uint32_t>(offset), bytes, bytes, schema::Encoding::raw);
  }

  if (model.format_version == 0) model.format_version = kFormatVersion;
  if (model.min_runtime_version == 0) model.min_runtime_version = 1;
  if (model.numerics_version == 0) model.numerics_version = kNumericsVersion;

  flatbuffers::FlatBufferBuilder builder;
  schema::FinishModelBuffer(builder, schema::Model::Pack(builder, &model));
  const std::span<const uint8_t> tables(builder.GetBufferPointer(), builder.GetSize());

  const size_t metadata_bytes = tables.size() + kHeaderBytes - kRootBytes;
  if (metadata_bytes > kMaxMetadataBytes) {
    throw std::length_error("the model's graph is too large for a model file");
  }
  const size_t segment_base = RoundUp(metadata_bytes, kSegmentAlignment);
  std::vector<uint8_t> file(segment_base);
  std::copy_n(tables.begin(), kRootBytes, file.begin());
  std::copy(tables.begin() + kRootBytes, tables.end(), file.begin() + kHeaderBytes);
  file.insert(file.end(), segments.begin(), segments.end());

  const auto root = flatbuffers::ReadScalar<uint32_t>(tables.data());
  Put(file, 0, static_cast<uint32_t>(root + kHeaderBytes - kRootBytes));
  Put(file, 8, static_cast<uint16_t>(kHeaderBytes));
  Put(file, 10, kFormatVersion);
  Put(file, 16, static_cast<uint32_t>(metadata_bytes));
  Put(file, 20, static_cast<uint32_t>(segment_base));
  Put(file, 24, static_cast<uint64_t>(file.size()));
  RepairChecksum(file);
  return file;
}

void RepairChecksum(std::span<uint8_t> file) {
  if (file.size() >= kHeaderBytes) {
    Put(file, kChecksumOffset, FileChecksum(file.data(), file.size()));
  }
}

}  // namespace lutra
