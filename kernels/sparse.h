// Block-sparse weights: matrices of which many blocks hold nothing but zeros, which pruning by
// blocks makes. The integer product (IntGemmKernels::skips_blocks; gemm_sparse-inl.h) neither keeps
// nor multiplies them. Zero products are left out, so the bytes are the same.
//
// A block is 16 output channels, counted from the convolution group's first, by 4 consecutive k in
// the order of a packed row (kernel_h, kernel_w, channel): what a row's register tile multiplies
// with 4 bytes of the left operand. The 16 channels are a band.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/codes.h"

namespace lutra::kernels {

constexpr size_t kBandChannels = 16;
constexpr size_t kBlockK = 4;
constexpr size_t kBlockWeights = kBandChannels * kBlockK;
/// Lists of blocks have 16 bits for the place of each.
constexpr size_t kMostSparseK = kBlockK << 16;

/// The blocks that may be kept, in percent of all, so that skipping the others is faster: than the
/// dense product of int8, and than Winograd's or that of weights of fewer bits. Measured with
/// sparse_bench (tests/bench) on Zen 3; the figures are in docs/kernels.md.
constexpr size_t kMostKeptPercent = 70;
constexpr size_t kMostKeptPercentOfFaster = 35;

constexpr size_t BandCount(size_t n) { return (n + kBandChannels - 1) / kBandChannels; }
constexpr size_t BlocksOfBand(size_t k) { return (k + kBlockK - 1) / kBlockK; }

/// Whether all weights of a block are zero; weight_of(n, k) is a weight.
template <typename WeightOf>
bool IsZeroBlock(size_t n, size_t k, size_t band, size_t block, const WeightOf& weight_of) {
  const size_t n_end = std::min(n, (band + 1) * kBandChannels);
  const size_t k_end = std::min(k, (block + 1) * kBlockK);
  for (size_t channel = band * kBandChannels; channel < n_end; ++channel) {
    for (size_t i = block * kBlockK; i < k_end; ++i) {
      if (weight_of(channel, i) != 0) return false;
    }
  }
  return true;
}

inline bool IsZeroBlock(const IntWeights& w, size_t band, size_t block) {
  return IsZeroBlock(w.n, w.k, band, block, [&w](size_t n, size_t k) { return WeightAt(w, n, k); });
}

/// The blocks to keep of n x k weights, at least one of each band: WeightForm::blocks. Stops
/// beyond `most`; of weights that are not sparse it reads little.
template <typename WeightOf>
size_t CountKeptBlocks(size_t n, size_t k, size_t most, const WeightOf& weight_of) {
  size_t kept = 0;
  for (size_t band = 0; band < BandCount(n); ++band) {
    size_t of_band = 0;
    for (size_t block = 0; block < BlocksOfBand(k) && kept + of_band <= most; ++block) {
      if (!IsZeroBlock(n, k, band, block, weight_of)) ++of_band;
    }
    kept += std::max<size_t>(of_band, 1);
    if (kept > most) break;
  }
  return kept;
}

}  // namespace lutra::kernels
