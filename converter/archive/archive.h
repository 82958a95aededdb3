// Weights without a graph in a .lutra file: checkpoint -> archive -> checkpoint.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/archive/contents.h"
#include "converter/checkpoint/checkpoint.h"
#include "converter/warnings.h"

namespace lutra::converter::archive {

struct CompressOptions {
  /// What becomes of a tensor of rank 2 and more with floating elements: fp16, linear or codebook
  /// (graph/weight_text.h has kArchiveWords).
  WeightFormat format;
  /// Per tensor, from a recipe; the others have `format`.
  std::vector<std::optional<WeightFormat>> formats;
  /// None: for every stream the smallest.
  std::optional<coding::Codec> codec;
  std::function<void(size_t done, size_t total)> progress;
};

/// One tensor of an archive. The bytes of all rows, contents_bytes and frame_bytes are the file's.
struct ArchiveRow {
  std::string name, scheme, codec;
  std::string note;  ///< why the scheme is not the wanted one, or ""
  DataType type = DataType::float32;
  std::vector<int64_t> dims;
  uint64_t elements = 0, original_bytes = 0;
  uint64_t weight_bytes = 0;     ///< its symbols; for pooled tensors its share of the pool
  uint64_t parameter_bytes = 0;  ///< its share of the scales and codebooks
  /// The part of weight_bytes that tells where the non-zero weights are, as the entropies of zero
  /// or not and of the non-zero symbols divide it; 0 unless most are zero.
  double index_share = 0;
  double sqnr_db = 0;  ///< infinite where nothing was lost; set by Compress alone
};

struct ArchiveListing {
  std::vector<ArchiveRow> rows;
  uint64_t contents_bytes = 0;  ///< names, shapes, schemes, tables: as stored
  uint64_t frame_bytes = 0;     ///< header and padding
  uint64_t file_bytes = 0;
};

struct CompressedArchive {
  std::vector<uint8_t> file;
  ArchiveListing listing;
  Warnings warnings;
};

/// Reads back what it wrote before it returns, and measures the SQNR on that. Throws Error.
CompressedArchive Compress(const checkpoint::Checkpoint& checkpoint,
                           const CompressOptions& options);

/// Throws Error, without the file's name, for a file that is damaged or no archive. `bytes` must be
/// aligned to 8.
checkpoint::Checkpoint Decompress(std::span<const uint8_t> bytes);
ArchiveListing ListArchive(std::span<const uint8_t> bytes);

}  // namespace lutra::converter::archive
