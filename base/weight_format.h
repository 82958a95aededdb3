// How the weights of a layer or tensor are written: the words that recipes, the quantizer,
// archives, the model file, its validation and the packing for kernels share, and what follows from
// them. Weights are a matrix of n rows, output channels, of k elements each.
//
// Not here: what the values are, and the forms of one of these places alone (kernels/gemm.h has
// WeightForm, how a kernel keeps weights; runtime/coding/codec.h has SymbolLayout, what an entropy
// coder sees of them).
#pragma once

#include <cstdint>

#include "base/packed_bits.h"

namespace lutra {

/// The numbers are those of model files.
///   linear    real = scale * (q - zero_point), q two's complement integers of `bits` bits
///   codebook  indices of `bits` bits into a table of at most 2^bits entries
enum class WeightKind : uint8_t { linear = 0, fp32 = 1, fp16 = 2, codebook = 3 };

/// What shares a scale: the whole tensor, a row, or so many neighbours in a row. The numbers are
/// those of archives.
enum class Granularity : uint8_t { tensor = 0, channel = 1, group = 2 };

/// The integers that linear quantization rounds to. Symmetric: as many above 0 as below.
/// Asymmetric: all of fewer than 8 bits (-128 is left out, for kernels multiply int8).
struct LinearLevels {
  int lowest, highest;
};
constexpr LinearLevels LevelsOf(int bits, bool asymmetric) {
  const int highest = (1 << (bits - 1)) - 1;
  return {asymmetric && bits < 8 ? -highest - 1 : -highest, highest};
}

struct WeightFormat {
  WeightKind kind = WeightKind::linear;
  int bits = 8;  ///< linear: 2 to 8, in archives also 16; codebook: 1 to 8; others: 8
  Granularity granularity = Granularity::channel;  ///< of scales
  uint64_t group = 0;  ///< granularity group: elements; the last group of a row may be shorter
  /// Codebooks of model files: output channels that share a table, a multiple of 16; 0: all.
  uint32_t codebook_channels = 0;
  bool asymmetric = false;  ///< linear: with zero points (archives: minimums)
  bool operator==(const WeightFormat&) const = default;

  bool HasIntegers() const { return kind == WeightKind::linear || kind == WeightKind::codebook; }

  /// Bytes of so many values, without scales and tables.
  uint64_t ValueBytes(uint64_t elements) const {
    if (!HasIntegers()) return elements * (kind == WeightKind::fp16 ? 2 : 4);
    return PackedBytes(elements, static_cast<unsigned>(bits));
  }

  /// Elements that share a scale, and how many scales there are. k > 0.
  uint64_t ScaleElements(uint64_t n, uint64_t k) const {
    if (granularity == Granularity::tensor) return n * k;
    return granularity == Granularity::channel || group > k ? k : group;
  }
  uint64_t Scales(uint64_t n, uint64_t k) const {
    if (granularity == Granularity::tensor) return 1;
    const uint64_t elements = ScaleElements(n, k);
    return n * ((k + elements - 1) / elements);
  }

  // Codebooks of model files, of n channels.
  uint64_t TableEntries() const { return uint64_t{1} << bits; }
  uint64_t ChannelsPerTable(uint64_t n) const {
    return codebook_channels == 0 ? n : codebook_channels;
  }
  uint64_t Tables(uint64_t n) const { return (n + ChannelsPerTable(n) - 1) / ChannelsPerTable(n); }
};

}  // namespace lutra
