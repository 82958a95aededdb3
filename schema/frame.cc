// Order matters: sizes first, then the checksum (so that a damaged file is called damaged), then
// the layout, whose values may be believed by then as far as damage goes.
#include "schema/frame.h"

#include <flatbuffers/base.h>

#include <algorithm>
#include <cstring>

#include "schema/container.h"
#include "schema/limits.h"

namespace lutra {
namespace {

struct Header {
  uint16_t header_bytes, format_version;
  uint32_t checksum, metadata_bytes, segment_base;
  uint64_t total_bytes;
  bool reserved_zero;
};

template <typename T>
T Read(const uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return flatbuffers::EndianScalar(value);
}

Header ReadHeader(const uint8_t* p) {
  return {.header_bytes = Read<uint16_t>(p + 8),
          .format_version = Read<uint16_t>(p + 10),
          .checksum = Read<uint32_t>(p + kChecksumOffset),
          .metadata_bytes = Read<uint32_t>(p + 16),
          .segment_base = Read<uint32_t>(p + 20),
          .total_bytes = Read<uint64_t>(p + 24),
          .reserved_zero = std::all_of(p + 32, p + kHeaderBytes, [](uint8_t b) { return b == 0; })};
}

Status CheckHeader(const Header& header, size_t size, const FrameKind& kind) {
  if (header.format_version > kind.format_version) {
    return Status::Error(Code::version_too_new,
                         "format version %u is newer than this runtime's (%u): update the runtime",
                         header.format_version, kind.format_version);
  }
  if (header.format_version == 0) return Status::Error(Code::malformed, "format version 0");
  if (header.total_bytes > size) {
    return Status::Error(Code::truncated, "%zu bytes of %llu: the file is cut off", size,
                         static_cast<unsigned long long>(header.total_bytes));
  }
  if (header.total_bytes < size) {
    return Status::Error(Code::malformed, "%llu bytes follow the end of the %s",
                         static_cast<unsigned long long>(size - header.total_bytes), kind.what);
  }
  return Status();
}

Status CheckLayout(const Header& header) {
  if (header.header_bytes != kHeaderBytes) {
    return Status::Error(Code::malformed, "header of %u bytes instead of %zu", header.header_bytes,
                         kHeaderBytes);
  }
  if (!header.reserved_zero) {
    return Status::Error(Code::malformed, "reserved header bytes are not zero");
  }
  if (header.metadata_bytes > kMaxMetadataBytes) {
    return Status::Error(Code::limit, "%u bytes of metadata, at most %u are supported",
                         header.metadata_bytes, kMaxMetadataBytes);
  }
  if (header.metadata_bytes <= kHeaderBytes || header.metadata_bytes > header.segment_base ||
      header.segment_base > header.total_bytes) {
    return Status::Error(Code::malformed, "metadata of %u bytes and segments from %u on",
                         header.metadata_bytes, header.segment_base);
  }
  if (header.segment_base % kSegmentAlignment != 0) {
    return Status::Error(Code::malformed, "segment base %u is not a multiple of %zu",
                         header.segment_base, kSegmentAlignment);
  }
  return Status();
}

}  // namespace

uint32_t FileChecksum(const uint8_t* bytes, size_t size) {
  const uint8_t zero[4] = {};
  uint32_t crc = Crc32c(bytes, kChecksumOffset);
  crc = Crc32c(zero, sizeof zero, crc);
  const size_t rest = kChecksumOffset + sizeof zero;
  return Crc32c(bytes + rest, size - rest, crc);
}

bool HasIdentifier(const void* bytes, size_t size, const char* identifier) {
  return size >= 8 && std::memcmp(static_cast<const uint8_t*>(bytes) + 4, identifier, 4) == 0;
}

Status OpenFrame(const void* bytes, size_t size, const FrameKind& kind, Frame* out) {
  *out = Frame();
  const auto* p = static_cast<const uint8_t*>(bytes);
  if (reinterpret_cast<uintptr_t>(bytes) % 8 != 0) {
    return Status::Error(Code::invalid_argument, "the bytes are not aligned to 8");
  }
  if (!HasIdentifier(bytes, size, kind.identifier)) {
    return Status::Error(Code::not_a_model, "not a Lutra %s: the identifier %s is missing",
                         kind.what, kind.identifier);
  }
  if (size < kHeaderBytes) {
    return Status::Error(Code::truncated, "%zu bytes of a header of %zu: the file is cut off", size,
                         kHeaderBytes);
  }
  const Header header = ReadHeader(p);
  LUTRA_RETURN_IF_ERROR(CheckHeader(header, size, kind));
  if (const uint32_t checksum = FileChecksum(p, size); checksum != header.checksum) {
    return Status::Error(Code::checksum, "checksum 0x%08X instead of 0x%08X: the file is damaged",
                         checksum, header.checksum);
  }
  LUTRA_RETURN_IF_ERROR(CheckLayout(header));
  if (Read<uint32_t>(p) < kHeaderBytes) {
    return Status::Error(Code::malformed, "the root table lies in the header");
  }
  out->bytes = p;
  out->format_version = header.format_version;
  out->metadata_bytes = header.metadata_bytes;
  out->segments = p + header.segment_base;
  out->segment_bytes = static_cast<size_t>(header.total_bytes - header.segment_base);
  return Status();
}

}  // namespace lutra
