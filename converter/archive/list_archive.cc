// Where an archive's bytes went. Streams that several tensors share are divided by the number of
// values each has in them.
#include <algorithm>
#include <cmath>
#include <map>

#include "converter/archive/read_archive.h"

namespace lutra::converter::archive {
namespace {

const char* CodecText(coding::Codec codec) {
  constexpr const char* kTexts[] = {"none", "huffman", "best_v1", "best"};
  return kTexts[static_cast<size_t>(codec)];
}

/// Divides a stream's bytes so that the parts add up to it.
class Share {
 public:
  Share(uint64_t bytes, uint64_t values) : bytes_(bytes), values_(values) {}
  uint64_t Next(uint64_t values) {
    if (values_ == 0) return 0;
    const uint64_t before = Part(done_);
    done_ += values;
    return Part(done_) - before;
  }

 private:
  uint64_t Part(uint64_t values) const {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(bytes_) * values / values_);
  }
  uint64_t bytes_, values_, done_ = 0;
};

double EntropyBits(double part, double whole) {
  return part == 0 ? 0 : -part * std::log2(part / whole);
}

/// The share of the positions in the ideal code of a sparse tensor's positions and values.
double IndexShare(const ArchiveEntry& entry, std::span<const uint16_t> symbols) {
  const bool indices = entry.scheme == ArchiveScheme::linear
                           ? !entry.format.asymmetric
                           : entry.scheme == ArchiveScheme::codebook && entry.pruned;
  if (!indices) return 0;
  std::vector<size_t> counts(65536);
  for (const uint16_t symbol : symbols) ++counts[symbol];
  const auto all = static_cast<double>(symbols.size());
  const auto zeros = static_cast<double>(counts[0]);
  if (2 * zeros < all || zeros == all) return 0;
  const double positions = EntropyBits(zeros, all) + EntropyBits(all - zeros, all);
  double values = 0;
  for (size_t s = 1; s < counts.size(); ++s) {
    values += EntropyBits(static_cast<double>(counts[s]), all - zeros);
  }
  return positions / (positions + values);
}

}  // namespace

ArchiveListing ListArchive(std::span<const uint8_t> bytes) {
  const OpenedArchive archive = OpenArchiveFile(bytes);
  const ArchiveContents& contents = archive.contents;
  ArchiveListing listing;
  listing.file_bytes = bytes.size();
  listing.contents_bytes = archive.view.archive->contents()->size();
  listing.frame_bytes = bytes.size() - archive.view.segment_bytes - listing.contents_bytes;
  Share parameters(contents.parameters.bytes, contents.parameter_count());
  Share pool(contents.pool.bytes, contents.pool_count());
  ForEachTensor(archive, [&](size_t, const ArchiveEntry& entry, auto, auto symbols) {
    ArchiveRow& row = listing.rows.emplace_back();
    row.name = entry.name;
    row.scheme = SchemeText(entry);
    row.type = entry.type;
    row.dims = entry.dims;
    row.elements = entry.elements();
    row.original_bytes = entry.elements() * ElementBytes(entry.type);
    row.parameter_bytes = parameters.Next(entry.parameters());
    if (entry.pooled()) {
      row.codec = CodecText(contents.pool.codec);
      row.weight_bytes = pool.Next(entry.elements());
    } else if (entry.stream.bytes != 0) {
      row.codec = CodecText(entry.stream.codec);
      row.weight_bytes = entry.stream.bytes;
      row.index_share = IndexShare(entry, symbols);
    }
  });
  return listing;
}

}  // namespace lutra::converter::archive
