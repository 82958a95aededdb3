#include "converter/archive/read_archive.h"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <new>

#include "converter/archive/encode_tensor.h"
#include "converter/error.h"

namespace lutra::converter::archive {
namespace {

constexpr std::align_val_t kScratchAlignment{64};

struct ScratchDeleter {
  void operator()(std::byte* scratch) const { ::operator delete(scratch, kScratchAlignment); }
};

std::vector<uint8_t> Inflate(std::span<const uint8_t> packed, size_t bytes) {
  std::vector<uint8_t> contents(bytes);
  uLongf got = bytes;
  uLong used = packed.size();
  const int result = ::uncompress2(contents.data(), &got, packed.data(), &used);
  if (result != Z_OK || got != bytes || used != packed.size()) {
    throw Error("the contents cannot be inflated");
  }
  return contents;
}

}  // namespace

OpenedArchive OpenArchiveFile(std::span<const uint8_t> bytes) {
  OpenedArchive opened;
  if (const Status status = OpenArchive(bytes.data(), bytes.size(), &opened.view); !status.ok()) {
    throw Error(status.message());
  }
  const flatbuffers::Vector<uint8_t>& packed = *opened.view.archive->contents();
  const std::vector<uint8_t> contents =
      Inflate({packed.data(), packed.size()}, opened.view.archive->contents_bytes());
  opened.contents = ReadContents(contents, opened.view.segment_bytes);
  return opened;
}

ArchiveStreams::ArchiveStreams(const OpenedArchive& archive) : at_(archive.view.segments) {
  const ArchiveContents& contents = archive.contents;
  parameters_ = Decode(contents.parameters, contents.HalfLayout(contents.parameter_count()));
  pool_ = Decode(contents.pool, contents.HalfLayout(contents.pool_count()));
}

std::vector<uint16_t> ArchiveStreams::Next(const ArchiveEntry& entry) {
  const bool has = entry.scheme != ArchiveScheme::constant && entry.scheme != ArchiveScheme::same &&
                   entry.elements() != 0;
  return has ? Decode(entry.stream, entry.layout()) : std::vector<uint16_t>();
}

std::vector<uint16_t> ArchiveStreams::Decode(const ArchiveStream& stream,
                                             const coding::SymbolLayout& layout) {
  std::vector<uint16_t> symbols(layout.rows * layout.columns);
  if (symbols.empty()) return symbols;
  const size_t scratch_bytes = coding::DecodeScratchBytes(stream.codec, layout);
  const std::unique_ptr<std::byte, ScratchDeleter> scratch(
      static_cast<std::byte*>(::operator new(scratch_bytes, kScratchAlignment)));
  const Status status =
      coding::Decode(stream.codec, layout, at_, stream.bytes, scratch.get(), symbols.data());
  if (!status.ok()) throw Error(std::string("a stream is damaged: ") + status.message());
  at_ += stream.bytes;
  return symbols;
}

checkpoint::Checkpoint Decompress(std::span<const uint8_t> bytes) {
  const OpenedArchive archive = OpenArchiveFile(bytes);
  checkpoint::Checkpoint checkpoint;
  checkpoint.format = "Lutra archive";
  checkpoint.tensors.reserve(archive.contents.entries.size());
  ForEachTensor(archive, [&](size_t, const ArchiveEntry& entry, auto parameters, auto symbols) {
    try {
      checkpoint.tensors.push_back(
          {entry.name, entry.scheme == ArchiveScheme::same
                           ? checkpoint.tensors[entry.original].tensor.Reshaped(entry.dims)
                           : DecodeTensor(entry, parameters, symbols)});
    } catch (const Error& error) {
      throw Error("tensor '" + entry.name + "': " + error.what());
    }
  });
  return checkpoint;
}

}  // namespace lutra::converter::archive
