// The parts that reading, listing and checking an archive share.
#pragma once

#include "converter/archive/archive.h"
#include "schema/archive.h"

namespace lutra::converter::archive {

struct OpenedArchive {
  ArchiveView view;
  ArchiveContents contents;
};

/// Throws Error.
OpenedArchive OpenArchiveFile(std::span<const uint8_t> bytes);

/// Streams in the order of the segments: the parameters, the pool, then the tensors' own. Each is
/// decoded when asked for.
class ArchiveStreams {
 public:
  explicit ArchiveStreams(const OpenedArchive& archive);
  const std::vector<uint16_t>& parameters() const { return parameters_; }
  const std::vector<uint16_t>& pool() const { return pool_; }
  /// The next tensor's own stream; the caller asks in the order of the entries.
  std::vector<uint16_t> Next(const ArchiveEntry& entry);

 private:
  std::vector<uint16_t> Decode(const ArchiveStream& stream, const coding::SymbolLayout& layout);

  const uint8_t* at_;
  std::vector<uint16_t> parameters_, pool_;
};

/// Calls `use(index, entry, parameters, symbols)` for every tensor in order.
template <typename Use>
void ForEachTensor(const OpenedArchive& archive, Use&& use) {
  ArchiveStreams streams(archive);
  std::span<const uint16_t> parameters = streams.parameters(), pool = streams.pool();
  for (size_t i = 0; i < archive.contents.entries.size(); ++i) {
    const ArchiveEntry& entry = archive.contents.entries[i];
    const size_t own = entry.parameters();
    if (entry.pooled()) {
      use(i, entry, parameters.first(own), pool.first(entry.elements()));
      pool = pool.subspan(entry.elements());
    } else {
      const std::vector<uint16_t> symbols = streams.Next(entry);
      use(i, entry, parameters.first(own), std::span<const uint16_t>(symbols));
    }
    parameters = parameters.subspan(own);
  }
}

}  // namespace lutra::converter::archive
