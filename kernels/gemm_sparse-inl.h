// The integer GEMM of block-sparse weights (sparse.h has what a block is). Reference:
// reference/gemm.cc, for what is left out adds zero.
//
// A band of 16 channels, one, two or four vectors, is the register tile on every row. Each band has
// the list of the blocks that it keeps and their weights one after the other, each block
// [k / kUnit][vector][channel][kUnit] as in dense tiles. The tile walks the list: for each block,
// 4 elements of every left row at the block's place, and the dense tile's steps (gemm_tile-inl.h).
// Left rows, tasks and epilogue are those of the dense product.
//
// Blocks that a vector instruction takes at once: Gray, Radford and Kingma, "GPU Kernels for
// Block-Sparse Weights" (2017), and Elsen, Dukhan, Gale and Simonyan, "Fast Sparse ConvNets"
// (2020).
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// As many accumulators as the dense tile has, but no more rows than keep the multiplier busy: a
/// dot product's 5 cycles at 2 a cycle take 10.
constexpr size_t kSparseRows =
    std::min<size_t>(12, Dot::kTileRows* Dot::kTileVectors / kBandVectors);
/// Blocks of a list whose weights stay in L1 while the rows pass.
constexpr size_t kSparseStepBlocks = kBlockBytes / kBlockWeights;

// ------------------------------ weights

/// The channels' terms, then the bands one after another: weights of the kept blocks, where each
/// band begins among them, and the place of each in its band.
struct PackedSparse {
  PackedSparse(const void* packed, size_t n, const WeightForm& form)
      : channels(packed, RoundUp(n, kBandChannels), 0, 0) {
    Pieces pieces(packed);
    pieces.Take<uint8_t>(channels.bytes);
    weights = pieces.Take<int8_t>(form.blocks * kBlockWeights);
    begin = pieces.Take<uint32_t>(BandCount(n) + 1);
    places = pieces.Take<uint16_t>(form.blocks);
    pieces.Align();
    bytes = pieces.bytes();
  }
  PackedInt channels;
  int8_t* weights;
  uint32_t* begin;   ///< [bands + 1]
  uint16_t* places;  ///< [blocks], in units of kBlockK
  size_t bytes;      ///< of all
};

size_t SparseBytes(size_t n, size_t /*k*/, const WeightForm& form) {
  return PackedSparse(nullptr, n, form).bytes;
}

/// Adds the weights to the `sums` of the band's channels.
void PackBlock(const IntWeights& w, size_t band, size_t block, int8_t* to, uint32_t* sums) {
  for (size_t k = block * kBlockK; k < (block + 1) * kBlockK; k += Dot::kUnit) {
    for (size_t lane = 0; lane < kBandChannels; ++lane) {
      const size_t n = band * kBandChannels + lane;
      for (size_t unit = 0; unit < Dot::kUnit; ++unit) {
        const bool real = n < w.n && k + unit < w.k;
        const int8_t value = real ? WeightAt(w, n, k + unit) : int8_t{0};
        *to++ = value;
        sums[lane] += static_cast<uint32_t>(value);
      }
    }
  }
}

void PackSparse(const IntWeights& w, void* memory) {
  const PackedSparse packed(memory, w.n, w.form);
  size_t kept = 0;
  for (size_t band = 0; band < BandCount(w.n); ++band) {
    packed.begin[band] = static_cast<uint32_t>(kept);
    uint32_t sums[kBandChannels] = {};
    const size_t blocks = BlocksOfBand(w.k);
    for (size_t block = 0; block < blocks; ++block) {
      // The tile wants a block of every band: of zeros, where there is no other.
      const bool needed = block + 1 == blocks && kept == packed.begin[band];
      if (!needed && IsZeroBlock(w, band, block)) continue;
      PackBlock(w, band, block, packed.weights + kept * kBlockWeights, sums);
      packed.places[kept++] = static_cast<uint16_t>(block);
    }
    for (size_t lane = 0; lane < kBandChannels; ++lane) {
      PackChannelTerms<Dot>(w, packed.channels, band * kBandChannels + lane, sums[lane]);
    }
  }
  packed.begin[BandCount(w.n)] = static_cast<uint32_t>(kept);
}

// ------------------------------ the register tile

template <size_t kRows, size_t... kUnitStep>
HWY_INLINE void SparseStep(Dot::Acc* HWY_RESTRICT acc, const Dot::Left* left, size_t left_stride,
                           const int8_t* weights, std::index_sequence<kUnitStep...>) {
  constexpr std::make_index_sequence<kBandVectors> vectors;
  ((TileStep<Dot>(acc, left + kUnitStep * Dot::kUnit, left_stride,
                  weights + kUnitStep * kBandChannels * Dot::kUnit,
                  std::make_index_sequence<kRows>(), vectors, vectors),
    TileKeep<Dot>(acc, std::make_index_sequence<kRows * kBandVectors>())),
   ...);
}

/// sums[kRows][kBandChannels] = or += over `blocks` > 0 of a list of left * weights.
template <size_t kRows>
void SparseProduct(const Dot::Left* HWY_RESTRICT left, size_t left_stride,
                   const int8_t* HWY_RESTRICT weights, const uint16_t* HWY_RESTRICT places,
                   size_t blocks, bool add, int32_t* HWY_RESTRICT sums) {
  constexpr std::make_index_sequence<kRows * kBandVectors> all;
  Dot::Acc acc[kRows * kBandVectors];
  TileClear<Dot>(acc, all);
  do {
    SparseStep<kRows>(acc, left + *places * kBlockK, left_stride, weights,
                      std::make_index_sequence<kBlockK / Dot::kUnit>());
    ++places;
    weights += kBlockWeights;
  } while (--blocks != 0);
  if (add) {
    TileStore<Dot, true>(acc, sums, all);
  } else {
    TileStore<Dot, false>(acc, sums, all);
  }
}

using SparseFunction = void (*)(const Dot::Left*, size_t, const int8_t*, const uint16_t*, size_t,
                                bool, int32_t*);

struct SparseTable {
  SparseFunction product[kSparseRows];
};

template <size_t... kIndex>
constexpr SparseTable MakeSparseTable(std::index_sequence<kIndex...>) {
  return {{&SparseProduct<kIndex + 1>...}};
}

/// By rows - 1.
constexpr SparseTable kSparseProducts = MakeSparseTable(std::make_index_sequence<kSparseRows>());

// ------------------------------ the loops of a task

void PlanSparse(GemmProblem& p, size_t threads) {
  PlanProduct<Dot>(p, threads, kSparseRows, kBandChannels);
  p.scratch_bytes = IntScratch<Dot>(p, kBandChannels, 0, nullptr).total_bytes;
}

void RunSparse(const GemmProblem& p, const GemmOperands& o, size_t index, void* memory) {
  const Task task = TaskAt(p, index);
  const IntScratch<Dot> scratch(p, kBandChannels, 0, memory);
  const PackedSparse packed(
      static_cast<const char*>(o.packed) + task.group * SparseBytes(p.n, p.k, p.form), p.n, p.form);
  const size_t stride = LeftStride<Dot>(p.k);
  const size_t rows = task.m_end - task.m_begin;
  PackLeftInt<Dot>(p, o, task, BlocksOfBand(p.k) * (kBlockK / Dot::kUnit), scratch.panel);
  const TileOutput output{p, o, packed.channels, nullptr, task.group, task.m_begin};
  for (size_t n = task.n_begin; n < task.n_end; n += kBandChannels) {
    const size_t channels = std::min(kBandChannels, task.n_end - n);
    const size_t begin = packed.begin[n / kBandChannels];
    const size_t end = packed.begin[n / kBandChannels + 1];
    // Only sums that wait for the next blocks need room of their own.
    const size_t sums_step = end - begin > kSparseStepBlocks ? kBandChannels : 0;
    for (size_t at = begin; at < end; at += kSparseStepBlocks) {
      const size_t blocks = std::min(kSparseStepBlocks, end - at);
      for (size_t row = 0; row < rows; row += kSparseRows) {
        const size_t tile_rows = std::min(kSparseRows, rows - row);
        int32_t* sums = scratch.sums + row * sums_step;
        kSparseProducts.product[tile_rows - 1](scratch.panel + row * stride, stride,
                                               packed.weights + at * kBlockWeights,
                                               packed.places + at, blocks, at != begin, sums);
        if (at + blocks == end) {
          // The vectors of a last band that has fewer channels are there, with weights of zero.
          kStores.store[kBandVectors - 1](output,
                                          {sums, task.m_begin + row, tile_rows, n, channels});
        }
      }
    }
  }
}

constexpr IntGemmKernels kSparseGemm = {&SparseBytes, &PackSparse, &PlanSparse, &RunSparse};

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
