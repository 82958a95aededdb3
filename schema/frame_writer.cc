// The FlatBuffers builder leaves [root offset][identifier] in front of the tables; the rest of the
// header is inserted behind these eight bytes and the root offset grows by as much. All other
// offsets are relative, and 56 keeps the alignment of 8.
#include "schema/frame_writer.h"

#include <flatbuffers/base.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "schema/limits.h"
#include "schema/writer.h"

namespace lutra {
namespace {

constexpr size_t kRootBytes = 8;

template <typename T>
void Put(std::span<uint8_t> file, size_t offset, T value) {
  value = flatbuffers::EndianScalar(value);
  std::memcpy(file.data() + offset, &value, sizeof value);
}

}  // namespace

std::vector<uint8_t> WriteFrame(std::span<const uint8_t> tables, std::span<const uint8_t> segments,
                                uint16_t format_version) {
  const size_t metadata_bytes = tables.size() + kHeaderBytes - kRootBytes;
  if (metadata_bytes > kMaxMetadataBytes) {
    throw std::length_error("the model's graph is too large for a model file");
  }
  const size_t segment_base =
      (metadata_bytes + kSegmentAlignment - 1) / kSegmentAlignment * kSegmentAlignment;
  std::vector<uint8_t> file(segment_base);
  std::copy_n(tables.begin(), kRootBytes, file.begin());
  std::copy(tables.begin() + kRootBytes, tables.end(), file.begin() + kHeaderBytes);
  file.insert(file.end(), segments.begin(), segments.end());

  uint32_t root = 0;
  std::memcpy(&root, tables.data(), sizeof root);
  root = flatbuffers::EndianScalar(root);
  Put(file, 0, static_cast<uint32_t>(root + kHeaderBytes - kRootBytes));
  Put(file, 8, static_cast<uint16_t>(kHeaderBytes));
  Put(file, 10, format_version);
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
