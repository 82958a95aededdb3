// Integer matrix multiplication: the loops of a task around packed weights (gemm_pack-inl.h),
// packed left rows (gemm_left-inl.h), the register tile (gemm_tile-inl.h) and its epilogue
// (gemm_epilogue-inl.h). Reference: reference/gemm.cc. The design follows Goto and van de Geijn,
// "Anatomy of High-Performance Matrix Multiplication" (2008).
//
// A task packs its rows of the left operand; then for each tile of channels, for each block of k,
// for each tile of rows: sums += tile product. The block of weights stays in L1 while the rows
// stream past it from L2. The last block ends in the epilogue.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// A block of weights: half of the smallest L1 in use (32 KB), the rest is for left rows passing
/// through. Coded weights are decoded block by block.
constexpr size_t kBlockBytes = 16384;
template <class D>
constexpr size_t kBlockSteps = kBlockBytes /
                               (D::kTileVectors * kVectorElements<D>) / kGroupSteps* kGroupSteps;

/// Rows of a task. The packed rows should lie in L2 (at most kPanelBytes; half a megabyte is usual)
/// and the output that they become in L1 (about kOutputBytes), for each tile of channels writes
/// only a part of every cache line. At least kLeastRows, to use each block of weights eight times.
constexpr size_t kPanelBytes = 512 * 1024;
constexpr size_t kOutputBytes = 16 * 1024;
constexpr size_t kLeastRows = 48;

/// Elements between packed left rows. Rows 1 KB apart, or a multiple, would share few cache sets.
template <class D>
size_t LeftStride(size_t k) {
  const size_t bytes = RoundUp(RoundUp(k, D::kUnit) * sizeof(typename D::Left), 64);
  return (bytes % 1024 == 0 ? bytes + 64 : bytes) / sizeof(typename D::Left);
}

/// A thread's scratch: panel of left rows, sums of one tile of channels, row sums, and for codes
/// a block of decoded weights.
template <class D>
struct IntScratch {
  using Left = typename D::Left;
  IntScratch(const GemmProblem& p, size_t tile_channels, size_t block_bytes, void* scratch) {
    Pieces pieces(scratch);
    panel = pieces.Take<Left>(p.rows_per_task * LeftStride<D>(p.k) + kCopySlack);
    pieces.Align();
    sums = pieces.Take<int32_t>(p.rows_per_task * tile_channels);
    // The epilogue reads up to three rows too far.
    row_sums = pieces.Take<int32_t>(p.rows_per_task + 3);
    pieces.Align();
    block = pieces.Take<int8_t>(block_bytes);
    total_bytes = pieces.bytes();
  }
  size_t total_bytes;
  Left* panel;
  int32_t* sums;
  int32_t* row_sums;
  int8_t* block;
};

template <class D>
IntScratch<D> DenseScratch(const GemmProblem& p, void* memory) {
  return IntScratch<D>(p, kTileChannels, p.form.coded() ? kBlockBytes : 0, memory);
}

/// Cuts a product whose register tile is tile_rows x tile_channels.
template <class D>
void PlanProduct(GemmProblem& p, size_t threads, size_t tile_rows, size_t tile_channels) {
  SimplifyPatches(p);
  const size_t row_bytes = LeftStride<D>(p.k) * sizeof(typename D::Left);
  const size_t rows = std::min(kPanelBytes / row_bytes, std::max(kOutputBytes / p.n, kLeastRows));
  CutTasks(p, threads, {tile_rows, tile_channels, RoundUp(rows + 1, tile_rows)});
}

template <class D>
void PlanInt(GemmProblem& p, size_t threads) {
  PlanProduct<D>(p, threads, D::kTileRows, kTileChannels);
  p.scratch_bytes = DenseScratch<D>(p, nullptr).total_bytes;
}

/// Sums of left rows as they were before the offset was added.
template <class D>
void SumRows(const typename D::Left* panel, size_t stride, size_t k, size_t rows, int32_t* sums) {
  for (size_t row = 0; row < rows; ++row, panel += stride) {
    int32_t sum = 0;
    for (size_t i = 0; i < k; ++i) sum += panel[i] - D::kLeftOffset;
    sums[row] = sum;
  }
}

template <typename Left>
struct LeftCopyOf;
template <>
struct LeftCopyOf<int8_t> {
  using Copy = PlainCopy;
};
template <>
struct LeftCopyOf<uint8_t> {
  using Copy = FlipCopy;
};
template <>
struct LeftCopyOf<int16_t> {
  using Copy = WidenCopy;
};

template <class D>
void PackLeftInt(const GemmProblem& p, const GemmOperands& o, const Task& task, size_t steps,
                 typename D::Left* panel) {
  using Copy = typename LeftCopyOf<typename D::Left>::Copy;
  const auto* left = static_cast<const int8_t*>(o.left);
  const size_t stride = LeftStride<D>(p.k);
  const size_t k_padded = steps * D::kUnit;
  if (p.left == LeftKind::dense) {
    PackDense<Copy>(p, left, task, k_padded, panel, stride);
  } else {
    PackPatches<Copy>(p, left, task, k_padded, static_cast<int8_t>(p.left_zero_point), panel,
                      stride);
  }
}

/// The weights of a tile of channels as the register tile reads them.
template <class D>
class TileWeights {
 public:
  TileWeights(const GemmProblem& p, const PackedInt& packed, size_t n, size_t vectors,
              int8_t* block)
      : p_(p), packed_(packed), n_(n), vectors_(vectors), block_(block) {
    for (size_t i = 0; i < vectors; ++i) tables_[i] = PackedTable(packed, p.form, n + i * kLanes);
  }

  /// `steps` units from `step` on: where they lie, or decoded.
  const int8_t* Block(size_t step, size_t steps) const {
    const WeightForm& form = p_.form;
    if (form.one_by_one()) {
      const IntWeights stored = StoredWeights(packed_.tables, p_.n, p_.k, form, 0);
      DecodeOneByOne<D>(stored, n_, vectors_, step, steps, block_);
      return block_;
    }
    const int8_t* at = packed_.Tile(n_) + step * vectors_ * kVectorElements<D> / 8 * form.bits;
    if (!form.coded()) return at;
    kDecoders<D>.decode[form.bits - 1](reinterpret_cast<const uint8_t*>(at), tables_, vectors_,
                                       steps / kGroupSteps, block_);
    return block_;
  }

  /// Instead of blocks: the sums of a task of few rows. False where blocks are the way.
  bool FewRows(const typename D::Left* left, size_t left_stride, size_t rows, int32_t* sums) const {
    if constexpr (D::kUnit == 4) {
      const size_t bits = p_.form.bits;
      if (rows > kFewRows || bits > kMostFewRowsBits || p_.form.one_by_one()) return false;
      kFewRowsProducts<D>.product[bits - 1][(rows - 1) * D::kTileVectors + vectors_ - 1](
          left, left_stride, reinterpret_cast<const uint8_t*>(packed_.Tile(n_)), tables_,
          packed_.steps / kGroupSteps, sums);
      return true;
    }
    return false;
  }

 private:
  const GemmProblem& p_;
  const PackedInt& packed_;
  const size_t n_, vectors_;
  int8_t* const block_;
  const int8_t* tables_[D::kTileVectors];
};

template <class D>
void RunInt(const GemmProblem& p, const GemmOperands& o, size_t index, void* memory) {
  const Task task = TaskAt(p, index);
  const IntScratch<D> scratch = DenseScratch<D>(p, memory);
  const PackedInt packed = PackedFor<D>(
      static_cast<const char*>(o.packed) + task.group * PackedIntBytes<D>(p.n, p.k, p.form), p.n,
      p.k, p.form);
  const size_t stride = LeftStride<D>(p.k);
  const size_t rows = task.m_end - task.m_begin;
  PackLeftInt<D>(p, o, task, packed.steps, scratch.panel);
  if (p.weight_zero_points) SumRows<D>(scratch.panel, stride, p.k, rows, scratch.row_sums);
  const TileOutput output{
      p, o, packed, p.weight_zero_points ? scratch.row_sums : nullptr, task.group, task.m_begin};
  // Only sums that wait for the next block of k need room of their own.
  const size_t sums_step = packed.steps > kBlockSteps<D> ? kLanes : 0;
  for (size_t n = task.n_begin; n < task.n_end; n += kTileChannels) {
    const size_t channels = std::min(kTileChannels, task.n_end - n);
    const size_t vectors = CeilDiv(channels, kLanes);
    const TileWeights<D> weights(p, packed, n, vectors, scratch.block);
    if (weights.FewRows(scratch.panel, stride, rows, scratch.sums)) {
      kStores.store[vectors - 1](output, {scratch.sums, task.m_begin, rows, n, channels});
      continue;
    }
    for (size_t step = 0; step < packed.steps; step += kBlockSteps<D>) {
      const size_t steps = std::min(kBlockSteps<D>, packed.steps - step);
      const int8_t* block = weights.Block(step, steps);
      for (size_t row = 0; row < rows; row += D::kTileRows) {
        const size_t tile_rows = std::min(D::kTileRows, rows - row);
        int32_t* sums = scratch.sums + row * vectors * sums_step;
        kTiles<D>.tile[(tile_rows - 1) * D::kTileVectors + vectors - 1](
            scratch.panel + row * stride + step * D::kUnit, stride, block, steps, step != 0, sums);
        if (step + steps == packed.steps) {
          kStores.store[vectors - 1](output, {sums, task.m_begin + row, tile_rows, n, channels});
        }
      }
    }
  }
}

template <class D>
constexpr IntGemmKernels kIntGemm = {&PackedIntBytes<D>, &PackInt<D>, &PlanInt<D>, &RunInt<D>};

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
