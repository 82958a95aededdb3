// An archive's table of contents: one entry per tensor, in the checkpoint's order, and how the
// streams behind it are coded. docs/compression.md has the bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/weight_format.h"
#include "converter/graph/tensor.h"
#include "runtime/coding/codec.h"

namespace lutra::converter::archive {

/// The numbers are stored in files and never change.
enum class ArchiveScheme : uint8_t {
  raw = 0,       ///< the elements' bytes, plane by plane; lossless
  constant = 1,  ///< every element has the same bytes; lossless
  same = 2,      ///< the bytes of an earlier tensor of the same type; lossless
  fp16 = 3,
  linear = 4,
  codebook = 5,
};

/// A coded stream in the segments.
struct ArchiveStream {
  coding::Codec codec = coding::Codec::none;
  uint64_t bytes = 0;
  bool operator==(const ArchiveStream&) const = default;
};

struct ArchiveEntry {
  std::string name;
  DataType type = DataType::float32;
  std::vector<int64_t> dims;
  ArchiveScheme scheme = ArchiveScheme::raw;

  uint64_t original = 0;       ///< same: index of the earlier tensor
  std::vector<uint8_t> table;  ///< constant: one element; codebook with exact: its entries

  /// Linear (asymmetric: with minimums) and codebook (kind and bits alone).
  WeightFormat format;
  bool wide_minimums = false;  ///< linear, asymmetric: minimums are float32
  bool pruned = false;         ///< codebook: index 0 is zero
  bool exact = false;          ///< codebook: entries of the tensor's own type, in `table`
  uint64_t entries = 0;        ///< codebook: without the zero
  int scale_exponent = 0;      ///< linear, codebook: stored halves are times 2^this
  int minimum_exponent = 0;    ///< linear, asymmetric, not wide

  ArchiveStream stream;  ///< raw, linear, codebook, and fp16 that is not pooled

  bool operator==(const ArchiveEntry&) const = default;

  size_t elements() const { return ElementCount(dims); }
  size_t rows() const;     ///< the first dimension; 1 for scalars
  size_t columns() const;  ///< elements of a row; 0 only without elements
  /// fp16 tensors that are too small for a stream of their own go into a common one.
  bool pooled() const;
  /// Linear: how many scales there are.
  size_t groups() const { return format.Scales(rows(), columns()); }
  /// Halves in the pool of parameters.
  size_t parameters() const;
  /// What the stream holds; without elements nothing.
  coding::SymbolLayout layout() const;
};

struct ArchiveContents {
  std::vector<ArchiveEntry> entries;
  /// Scales, minimums and codebooks of all tensors in their order; the elements of pooled tensors.
  ArchiveStream parameters, pool;

  size_t parameter_count() const;
  size_t pool_count() const;
  coding::SymbolLayout HalfLayout(size_t count) const;
};

constexpr size_t kPoolElements = 4096;
constexpr size_t kMaxArchiveTensors = size_t{1} << 20;
/// 2^-1074 to 2^1023 are the powers of two of float64.
constexpr int kMaxArchiveExponent = 1200;

std::vector<uint8_t> WriteContents(const ArchiveContents& contents);

/// Checks everything that reading the tensors relies on: types, shapes, schemes and their fields,
/// that the streams fill segment_bytes exactly and are long enough for their symbols, and that all
/// tensors together are at most 64 MB plus 4096 bytes per byte of the segments. Throws Error.
ArchiveContents ReadContents(std::span<const uint8_t> bytes, uint64_t segment_bytes);

/// "fp16", "linear4", "codebook3", "raw" ...
std::string SchemeText(const ArchiveEntry& entry);

}  // namespace lutra::converter::archive
